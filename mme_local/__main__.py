"""``python -m mme_local``: a local endpoint in the foreground, set by ``MME_LOCAL_*`` variables."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

from mme.errors import MmeError, missing_package

if TYPE_CHECKING:
    from mme_local.run_files import RunFile


def main() -> int:
    """Serve until SIGINT or SIGTERM; return 2 if it can't start."""
    try:
        return _serve()
    except ModuleNotFoundError as error:
        missing = missing_package(error, "mme_local", "sagemaker-mme[local]")
        print(f"error: {missing}", file=sys.stderr)  # noqa: T201
        return missing.exit_status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 130


def _serve() -> int:
    from mme.console import log_to_terminal, safe_text
    from mme_local.launcher import LISTENER, TIED
    from mme_local.runtime import run
    from mme_local.server.http_server import run_event_loop
    from mme_local.settings import chosen_settings

    log_to_terminal(logging.WARNING)

    def ready(here: RunFile) -> None:
        print(f"ready at {here.url}", flush=True)  # noqa: T201 - the one line of this program

    if TIED in sys.argv[1:]:
        threading.Thread(target=_stop_with_standard_input, daemon=True).start()
    try:
        run_event_loop(run(chosen_settings(), ready, _listener(sys.argv[1:], LISTENER)))
    except MmeError as error:
        print(f"error: {safe_text(str(error))}", file=sys.stderr)  # noqa: T201
        return error.exit_status
    return 0


def _listener(arguments: list[str], flag: str) -> socket.socket | None:
    """Return the socket that the parent process has bound."""
    for argument in arguments:
        if argument.startswith(flag):
            listener = socket.socket(fileno=int(argument.removeprefix(flag)))
            listener.setblocking(False)
            listener.set_inheritable(False)
            return listener
    return None


def _stop_with_standard_input() -> None:
    """Stop when the pipe ends: the process at its other end has ended or was killed."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
