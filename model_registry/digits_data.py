"""The held-out digits of the `digits` model, and those it was trained on.

The pictures are scikit-learn's copy of the "Optical Recognition of Handwritten Digits" test set (UCI Machine
Learning Repository, E. Alpaydin and C. Kaynak, 1998, CC BY 4.0): 1797 pictures of 8x8 grey pixels, 0 to 16.
The held-out quarter is committed next to this file, so that measuring the model needs only numpy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HELD_OUT_FILE = Path(__file__).with_name("digits_held_out.npz")
HELD_OUT_SHARE = 0.25
SEED = 7


def held_out() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load the held-out pictures.

    Returns:
        Images, FP32 of shape [450, 8, 8] with values from 0 to 16, and their labels, INT64 of shape [450].
    """
    with np.load(HELD_OUT_FILE) as stored:
        return stored["images"].astype(np.float32), stored["labels"].astype(np.int64)


def split() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Split the whole set, the same way each time. Needs scikit-learn.

    Returns:
        Training images [1347, 8, 8], held-out images [450, 8, 8], training labels, held-out labels.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    parts = train_test_split(
        digits.images, digits.target, test_size=HELD_OUT_SHARE, random_state=SEED, stratify=digits.target
    )
    return parts[0], parts[1], parts[2], parts[3]
