"""What holds in every test."""

from __future__ import annotations

import os

from hypothesis import settings

# CDK's built-in validation of templates costs a second a synthesis. One test of the CDK CLI pays it once for
# all; here, before anything starts the Node that aws-cdk-lib runs in, it is off for every other.
os.environ["CDK_VALIDATION"] = "false"

# A time limit for each example would fail on a busy machine; pytest's own limit is there for real hangs.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
