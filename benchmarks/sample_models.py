"""Model directories to measure with: half float32 weights, half text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

CONFIG = """\
backend: "python"
input [ { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] } ]
"""
_SEED = 20
_WORDS = 20_000
_TEXT_BYTES = 4 * 1024 * 1024
"""Text repeats after so many bytes: far beyond the 32 KB in which gzip looks for repetitions."""


def write_model(root: Path, size: int, seed: int = _SEED) -> Path:
    """A model directory of `size` bytes: trained weights hardly compress, text does."""
    rng = np.random.default_rng(seed)
    (root / "1").mkdir(parents=True)
    (root / "config.pbtxt").write_text(CONFIG)
    (root / "1" / "model.py").write_text("class TritonPythonModel:\n    def execute(self, requests): ...\n")
    (root / "1" / "weights.bin").write_bytes(rng.standard_normal(size // 8, dtype=np.float32).tobytes())
    (root / "1" / "vocabulary.txt").write_bytes(_text(rng, size // 2))
    return root


def write_registry(root: Path, count: int, size: int) -> Path:
    """`count` different model directories of `size` bytes."""
    for number in range(count):
        write_model(root / f"model-{number:04d}", size, seed=_SEED + number)
    return root


def _text(rng: np.random.Generator, size: int) -> bytes:
    """Words of a language of its own, as frequent as words are: it compresses about as prose does."""
    wanted, size = size, min(size, _TEXT_BYTES)
    letters = rng.integers(97, 123, size=(_WORDS, 9), dtype=np.uint8)
    lengths = rng.integers(2, 10, size=_WORDS)
    words = [letters[number, : lengths[number]].tobytes() for number in range(_WORDS)]
    ranks = rng.zipf(1.2, size=size // 3) % _WORDS
    text = b" ".join([words[rank] for rank in ranks])[:size].ljust(size, b".")
    return (text * -(-wanted // size))[:wanted]
