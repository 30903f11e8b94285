"""Add packages to the Python of models; a private installation copies this file into its environment."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Sequence


def add(number: int, without: Sequence[str]) -> None:
    """Add the folders of packages that this file's folder links to, with their ``.pth`` files.

    Args:
        number: How many there are.
        without: Names of ``.pth`` files to skip.
    """
    for each in range(number):
        folder = f"{os.path.splitext(__file__)[0]}_{each}"  # noqa: PTH122 - pathlib takes time to import
        if folder in sys.path or not os.path.isdir(folder):  # noqa: PTH112 - site may come here twice
            continue
        sys.path.append(folder)
        for name in sorted(os.listdir(folder)):  # noqa: PTH208
            if name.endswith(".pth") and name not in without:
                try:
                    site.addpackage(folder, name, None)
                except UnicodeDecodeError:
                    sys.stderr.write(f"{name} is skipped: it is not ASCII\n")
