"""``python -m mme.local``: a runtime in the foreground, set by ``MME_LOCAL_*`` variables."""

from __future__ import annotations

import logging
import sys

from mme.errors import MmeError
from mme.local.event_loop import serve
from mme.local.runtime import run
from mme.local.settings import LocalSettings
from mme.local.state import RuntimeState


def main() -> int:
    """Serve until SIGINT or SIGTERM; 2 where it can't start."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")

    def ready(here: RuntimeState) -> None:
        print(f"ready at {here.url}", flush=True)  # noqa: T201 - the one line of this program

    try:
        serve(run(LocalSettings(), ready))
    except MmeError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
