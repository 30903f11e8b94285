"""Find out what a deployment would do to a live endpoint, without changing anything.

`inspect` reads the cloud assembly, the deployed stacks and the live endpoint; the checks are pure functions.
"""

from mme.operate.preflight.account import Account, connect
from mme.operate.preflight.findings import Effect, PreflightFinding, PreflightReport
from mme.operate.preflight.inspection import inspect

__all__ = ["Account", "Effect", "PreflightFinding", "PreflightReport", "connect", "inspect"]
