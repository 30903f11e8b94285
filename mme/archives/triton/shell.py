"""Shell metacharacters in the names that Triton's python backend writes into a command line, unquoted.

Such a name would make a load hang, with every later load behind it, or run a command on this machine.

Source: triton-inference-server/python_backend, ``src/stub_launcher.cc``.
"""

from __future__ import annotations

import re
from typing import Final

_METACHARACTER: Final = re.compile(r"""[\s"'`$&|;<>(){}\[\]*?\\]""")


def first_shell_metacharacter(text: str) -> str | None:
    """Return the first shell metacharacter of a model's name or path; None if there is none."""
    found = _METACHARACTER.search(text)
    return found.group() if found else None
