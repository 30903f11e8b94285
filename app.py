"""What the CDK CLI runs: `cdk synth`, `cdk deploy 'dev/*'`, `cdk synth -c env=dev`."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> int:
    """Synthesize; print errors in the settings as one line, without a stack trace."""
    # jsii takes the first node on PATH: use that of this environment.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"

    from aws_cdk import App

    from mme.errors import MmeError
    from mme_cdk import PropsError

    try:
        from stacks.application import build, synthesize

        synthesize(build(App()))
    except (MmeError, PropsError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
