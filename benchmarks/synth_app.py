"""The apps that `benchmarks.synth` times, each in a separate process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

EMPTY = "one empty stack"
ONE = "one environment"
ONE_CHECKED = "one environment, AwsSolutions"
ALL = "all environments"
ALL_CHECKED = "all environments, AwsSolutions"
CASES = (EMPTY, ONE, ONE_CHECKED, ALL, ALL_CHECKED)

# Of the environments, the one with the most in it: two buckets, a region known only at deployment, scaling.
_CHOSEN = "prod"


def main(case: str, outdir: str) -> None:
    """Synthesize one of the apps; the feature flags are cdk.json's in each."""
    from aws_cdk import App, Stack

    content = json.loads((Path(__file__).parents[1] / "cdk.json").read_text("utf-8"))
    # An empty stack does not pass CDK's built-in validation, so no app pays for it.
    app = App(context=content["context"], outdir=outdir, builtin_cloud_formation_validation=False)
    if case == EMPTY:
        Stack(app, "Empty")
    elif case in {ONE_CHECKED, ALL_CHECKED}:
        from stacks.application import build
        from stacks.environments import ENVIRONMENTS

        build(app, tuple(one for one in ENVIRONMENTS if case == ALL_CHECKED or one.name == _CHOSEN))
    else:
        from stacks.environments import ENVIRONMENTS
        from stacks.stage import MmeStage

        for environment in ENVIRONMENTS:
            if case == ALL or environment.name == _CHOSEN:
                MmeStage(app, environment=environment)
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
