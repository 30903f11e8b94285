"""A process of a function; Lambda calls it an execution environment."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any, Final

from mme_local.aws.functions import Function

_BOOTSTRAP: Final = Path(__file__).with_name("bootstrap.py")
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
# `bucket.localhost` does not resolve: the bucket goes into the path.
_AWS_CONFIG: Final = "[default]\ns3 =\n  addressing_style = path\n"
_END_SECONDS: Final = 5


class FunctionDiedError(Exception):
    """The process ended before it answered."""


class FunctionProcess:
    """A function's process, for one call at a time.

    Args:
        function: the function.
        folder: for its code and its log.
        url: address of embedded AWS.
    """

    def __init__(self, function: Function, folder: Path, url: str) -> None:
        self.revision = function.revision
        self._timeout = function.timeout
        code = _unpack(function, folder)
        config = folder / "aws_config"
        config.write_text(_AWS_CONFIG)
        with (folder / f"{folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_BOOTSTRAP), str(code), function.handler],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(function, url, config),
                cwd=code,
            )
        self._ending = threading.Lock()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be called."""
        return self._process.poll() is None

    def call(self, event: dict[str, Any]) -> Any:
        """Return what the handler returns.

        Raises:
            FunctionDiedError: It ended, raised, or exceeded its timeout; the process is gone then.
        """
        line = {"event": event, "seconds": self._timeout, "request_id": str(uuid.uuid4())}
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - both are pipes
        assert stdout is not None  # noqa: S101
        try:
            stdin.write(json.dumps(line).encode() + b"\n")
            stdin.flush()
            answer = _read_line(stdout.fileno(), self._timeout)
        except (OSError, TimeoutError) as error:
            self.end()
            raise FunctionDiedError(str(error)) from error
        return json.loads(answer)

    def end(self) -> None:
        """Kill the process if it runs, and wait for it."""
        with self._ending:
            self._process.kill()
            self._process.wait(_END_SECONDS)
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # unsent input has no reader any more
                        pipe.close()


def _unpack(function: Function, folder: Path) -> Path:
    """Return the folder with the function's code; another thread may unpack the same."""
    code = folder / function.revision
    if not code.exists():
        draft = folder / f"{function.revision}-{uuid.uuid4().hex}"
        with zipfile.ZipFile(io.BytesIO(function.code)) as package:
            package.extractall(draft)
        try:
            draft.rename(code)
        except OSError:
            if not code.exists():
                raise
    return code


def _environment(function: Function, url: str, config: Path) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "ORT_DISABLE_TELEMETRY": "1",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        **function.environment,
    }


def _read_line(descriptor: int, seconds: float) -> bytes:
    """Read one line of a pipe; OSError if it ends before, TimeoutError if it takes too long."""
    deadline = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            raise TimeoutError(f"it exceeded its timeout of {seconds:g} s")
        chunk = os.read(descriptor, 65536)
        if not chunk:
            raise OSError("its process ended")
        line += chunk
    return line
