"""The example of docs/planning.md: its files, and its command."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[1] / "docs" / "planning.md"


def prepare(folder: Path) -> list[str]:
    """Write the example's sizes and log into a folder by the code of the page; return the command."""
    text = PAGE.read_text("utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    (command,) = re.findall(r"^\$ (mme plan --trace triton\.log .*)$", text, re.MULTILINE)
    return shlex.split(command)
