"""The committed digits model matches its config and README, on held-out digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_registry.digits_data import held_out, split

ROOT = Path(__file__).parents[2] / "model_registry"


def test_held_out_digits_are_those_of_the_split() -> None:
    images, labels = held_out()
    _, expected_images, _, expected_labels = split()
    assert images.shape == (450, 8, 8)
    assert images.dtype == np.float32
    assert images.max() == 16
    np.testing.assert_array_equal(images, expected_images)
    np.testing.assert_array_equal(labels, expected_labels)


def test_model_reads_held_out_digits() -> None:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(ROOT / "digits" / "1" / "model.onnx")
    images, labels = held_out()
    answered, probabilities = session.run(["label", "probabilities"], {"image": images})
    assert answered.shape == (450, 1)
    assert answered.dtype == np.int64
    assert probabilities.shape == (450, 10)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), answered[:, 0])
    assert (answered[:, 0] == labels).mean() >= 0.97


def test_model_file_stays_small() -> None:
    assert (ROOT / "digits" / "1" / "model.onnx").stat().st_size < 100_000
