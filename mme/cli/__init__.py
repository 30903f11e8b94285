"""The `mme` command line, one verb per file and no logic."""

from __future__ import annotations

import sys


def run() -> None:
    """Run `mme`. If a package of the command line is missing, print in one line what to install."""
    try:
        from mme.cli.main import main

        main()
    except ModuleNotFoundError as error:
        package = (error.name or "mme").partition(".")[0]
        if package in ("mme", "mme_local"):
            raise
        print(f"error: mme needs the package {package}, which is not installed", file=sys.stderr)  # noqa: T201
        extra = "local" if sys.argv[1:2] == ["local"] else "cli"
        print(f'pip install "sagemaker-mme[{extra}]"', file=sys.stderr)  # noqa: T201
        sys.exit(2)
