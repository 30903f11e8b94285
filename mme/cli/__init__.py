"""The `mme` command line, one verb per file and no logic."""

from __future__ import annotations

import sys

from mme.errors import INTERRUPTED, missing_package


def run() -> None:
    """Run `mme`; an interrupt, or a package of the command line that is not installed, ends in one line."""
    try:
        from mme.cli.main import main

        main()
    except ModuleNotFoundError as error:
        extra = "local" if sys.argv[1:2] == ["local"] else "cli"
        print(f"error: {missing_package(error, 'mme', f'sagemaker-mme[{extra}]')}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED)
