"""Model directories to measure with, half float32 weights, half text; and the memory that a script needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
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
"""The text repeats after this size, far beyond gzip's window of 32 KB."""


def write_model(root: Path, size: int, seed: int = _SEED) -> Path:
    """Write a model directory of weights, which hardly compress, and text, which does.

    Args:
        root: The directory to create.
        size: Bytes of all files together.
        seed: Decides the content.
    """
    rng = np.random.default_rng(seed)
    (root / "1").mkdir(parents=True)
    (root / "config.pbtxt").write_text(CONFIG)
    (root / "1" / "model.py").write_text("class TritonPythonModel:\n    def execute(self, requests): ...\n")
    (root / "1" / "weights.bin").write_bytes(rng.standard_normal(size // 8, dtype=np.float32).tobytes())
    (root / "1" / "vocabulary.txt").write_bytes(_text(rng, size // 2))
    return root


def write_files(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a directory.

    Args:
        root: The directory to create.
        files: Content by path in it.
    """
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def write_registry(root: Path, count: int, size: int) -> Path:
    """Write different model directories.

    Args:
        root: The directory to create them in.
        count: How many.
        size: Bytes of each.
    """
    for number in range(count):
        write_model(root / f"model-{number:04d}", size, seed=_SEED + number)
    return root


def peak_memory(script: str, *arguments: str) -> float:
    """Return the peak memory in MB of a script in a separate process, Python and imports included.

    Args:
        script: Python code; `sys` is imported.
        arguments: Its `sys.argv[1:]`.
    """
    # Not getrusage: that starts with the memory of the parent process.
    peak = "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
    command = [sys.executable, "-c", f"import re, sys\n{script}\n{peak}", *arguments]
    return int(subprocess.check_output(command, timeout=600)) * 1024 / 1e6


def _text(rng: np.random.Generator, size: int) -> bytes:
    """Return random words with the frequencies of a language; they compress about as well as prose."""
    wanted, size = size, min(size, _TEXT_BYTES)
    letters = rng.integers(97, 123, size=(_WORDS, 9), dtype=np.uint8)
    lengths = rng.integers(2, 10, size=_WORDS)
    words = [letters[number, : lengths[number]].tobytes() for number in range(_WORDS)]
    ranks = rng.zipf(1.2, size=size // 3) % _WORDS
    text = b" ".join([words[rank] for rank in ranks])[:size].ljust(size, b".")
    return (text * -(-wanted // size))[:wanted]
