"""What a deployment would do to a live endpoint, found before it is made. Nothing here changes anything.

`inspect` reads the cloud assembly, the deployed stacks and the live endpoint; the checks themselves are pure.
"""

from mme.operate.preflight.findings import Effect, Finding, Report
from mme.operate.preflight.inspection import inspect
from mme.operate.preflight.live import Account, connect

__all__ = ["Account", "Effect", "Finding", "Report", "connect", "inspect"]
