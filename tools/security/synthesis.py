"""Templates of the security pages: this app's, and those of two examples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from aws_cdk import App

from stacks.environments import ENVIRONMENTS, Environment
from stacks.stage import MmeStage

ROOT: Final = Path(__file__).parents[2]
_LIMIT_SECONDS: Final = 300


def context(folder: Path = ROOT) -> dict[str, Any]:
    """Return the context of a folder's cdk.json: its feature flags."""
    content: dict[str, Any] = json.loads((folder / "cdk.json").read_text("utf-8"))
    return dict(content["context"])


def production(app: App) -> None:
    """Define the prod environment."""
    MmeStage(app, environment=environment("prod"))


def queued() -> Environment:
    """Return prod with the queue for asynchronous requests."""
    return replace(environment("prod"), name="prod-queue", asynchronous=True)


def production_with_queue(app: App) -> None:
    """Define the prod environment with a queue."""
    MmeStage(app, environment=queued())


def environment(name: str) -> Environment:
    """Return an environment by its name."""
    return next(one for one in ENVIRONMENTS if one.name == name)


def templates(folder: Path, environments: tuple[Environment, ...] = ENVIRONMENTS) -> list[Path]:
    """Synthesize environments; return the files of their templates.

    Args:
        folder: Where to.
        environments: Which.
    """
    app = App(
        context=context(),
        outdir=str(folder),
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
    )
    for one in environments:
        MmeStage(app, environment=one)
    app.synth()
    return sorted(folder.glob("assembly-*/*.template.json"))


def example(name: str, folder: Path) -> list[Path]:
    """Synthesize an example into the folder as its user does; the files of its templates.

    Raises:
        subprocess.CalledProcessError: it can't be synthesized.
    """
    home = ROOT / "examples" / name
    variables = {
        **os.environ,
        "CDK_CONTEXT_JSON": json.dumps(context(home)),
        "CDK_OUTDIR": str(folder),
        "CDK_VALIDATION": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    command = [sys.executable, str(home / "app.py")]
    subprocess.run(command, env=variables, cwd=home, check=True, timeout=_LIMIT_SECONDS)
    return sorted(folder.glob("*.template.json"))
