"""The process of a function: calls the handler for each line on standard input and answers with one line.

A script for `python -I` that imports nothing of the toolkit: the function sees its own package and boto3.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import logging
import os
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """Lambda's context object, as far as it has the time and the function's name."""

    function_name: str
    aws_request_id: str
    deadline: float

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the call may still take."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def main(folder: str, handler: str) -> None:
    """Serve until standard input ends, which it does when the local endpoint ends.

    Args:
        folder: the function's code.
        handler: ``module.function``.
    """
    if sys.platform == "linux":
        # End with the local endpoint even during a call, and even if it is killed: PR_SET_PDEATHSIG, SIGKILL.
        ctypes.CDLL(None).prctl(1, 9)
    # What the function prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a text file, at a process's start
    # As Lambda's runtime does; the function sets the level.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    sys.path.insert(0, folder)
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        call = json.loads(line)
        context = Context(
            os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
            call["request_id"],
            time.monotonic() + call["seconds"],
        )
        answers.write(json.dumps(function(call["event"], context)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
