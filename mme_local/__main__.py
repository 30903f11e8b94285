"""``python -m mme_local``: a runtime in the foreground, set by ``MME_LOCAL_*`` variables."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading

from mme.errors import MmeError
from mme_local.choices import chosen_settings
from mme_local.launcher import LISTENER, TIED
from mme_local.run_files import RuntimeState
from mme_local.runtime import run
from mme_local.server.http_server import run_event_loop


def main() -> int:
    """Serve until SIGINT or SIGTERM; 2 where it can't start."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")

    def ready(here: RuntimeState) -> None:
        print(f"ready at {here.url}", flush=True)  # noqa: T201 - the one line of this program

    if TIED in sys.argv[1:]:
        threading.Thread(target=_end_with_standard_input, daemon=True).start()
    try:
        run_event_loop(run(chosen_settings(), ready, _listener(sys.argv[1:])))
    except MmeError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_status
    return 0


def _listener(arguments: list[str]) -> socket.socket | None:
    """The socket that whoever started this process has bound for it."""
    for argument in arguments:
        if argument.startswith(LISTENER):
            listener = socket.socket(fileno=int(argument.removeprefix(LISTENER)))
            listener.setblocking(False)
            listener.set_inheritable(False)
            return listener
    return None


def _end_with_standard_input() -> None:
    """A pipe ends with the process that holds its other end, be that killed."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
