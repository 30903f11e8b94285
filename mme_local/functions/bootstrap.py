"""What a function's process runs: calls the handler for each line on standard input, answers in one line.

A script for `python -I`, with nothing of the toolkit in reach: the function sees its own package and boto3.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """The part of Lambda's context object that tells the time and who is called."""

    function_name: str
    aws_request_id: str
    deadline: float

    def get_remaining_time_in_millis(self) -> int:
        """How long the call may still take."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def main(folder: str, handler: str) -> None:
    """Serve until standard input ends: with the runtime, however that ends, the function ends too."""
    # What the function prints must not come between the answers.
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
