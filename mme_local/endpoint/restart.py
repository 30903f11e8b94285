"""Why an instance's container was started again."""

from __future__ import annotations

import signal
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Restart:
    """One restart of a container.

    Attributes:
        at: When it ended, in seconds since the epoch.
        exit_status: Of the container; minus the signal's number if a signal ended it.
        reason: Why the local endpoint ended it; empty if it ended by itself.
        models: Number of models that it had in memory.
    """

    at: float
    exit_status: int
    reason: str = ""
    models: int = 0

    def __str__(self) -> str:
        return f"{self.reason or self._cause()} (exit status {self.exit_status})"

    def describe(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "at": self.at,
            "exit_status": self.exit_status,
            "reason": self.reason or self._cause(),
            "models": self.models,
        }

    def _cause(self) -> str:
        """Return what its exit status tells."""
        if self.exit_status >= 0:
            return f"it ended by itself with status {self.exit_status}"
        try:
            name = signal.Signals(-self.exit_status).name
        except ValueError:
            name = f"signal {-self.exit_status}"
        memory = ", as when memory runs out" if self.exit_status == -signal.SIGKILL else ""
        return f"it was ended by {name}{memory}"
