"""The figures that a dashboard shows and alarms watch, in the units that people think in."""

from __future__ import annotations

from dataclasses import dataclass

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """A metric with a statistic.

    Attributes:
        name: such as `ModelLatency`.
        statistic: such as `p99`.
    """

    name: str
    statistic: str

    @property
    def id(self) -> str:
        """What it is called in an expression: unique in its graph, a small letter first."""
        return f"{self.name[0].lower()}{self.name[1:]}_{self.statistic.lower()}"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of a graph, or what one alarm watches.

    Attributes:
        label: in graphs.
        parts: the metrics that it is made of; the only one where there is no expression.
        expression: CloudWatch metric math over the parts' ids; None = the only part as it comes.
    """

    label: str
    parts: tuple[Part, ...]
    expression: str | None = None


class Figures:
    """Rates, times and shares of one variant.

    Every figure is without data where there was no traffic, so silence is never an alarm.
    """

    def __init__(self, *, vcpus: int | None, minimum_requests: int) -> None:
        """Take what the figures are computed with.

        Args:
            vcpus: of the instance type; None = unknown, and the processors' load is shown as it comes.
            minimum_requests: in a period, below which a share of requests says nothing.
        """
        self._vcpus = vcpus
        self._minimum = minimum_requests

    def count(self, name: str, label: str) -> Figure:
        """A metric's sum in a period."""
        return _plain(name, label, "Sum")

    def samples(self, name: str, label: str) -> Figure:
        """How often a metric came in a period: of a duration, how many of these events there were."""
        return _plain(name, label, "SampleCount")

    def share_of_requests(self, name: str, label: str, *, statistic: str = "Sum") -> Figure:
        """What a metric counts, per 100 requests."""
        part, requests = Part(name=name, statistic=statistic), Part(name="Invocations", statistic="Sum")
        least = max(1, self._minimum)
        return Figure(
            label=label,
            parts=(part, requests),
            expression=f"IF({requests.id} >= {least}, 100 * FILL({part.id}, 0) / {requests.id}, 0)",
        )

    def seconds(self, name: str, label: str, statistic: str) -> Figure:
        """A duration metric, which comes in microseconds, in seconds."""
        part = Part(name=name, statistic=statistic)
        return Figure(label=label, parts=(part,), expression=f"{part.id} / {_MICROSECONDS}")

    def percent(self, name: str, label: str, *, statistic: str = "Average") -> Figure:
        """A utilization of the instances, 0 to 100."""
        return _plain(name, label, statistic)

    def cpu_percent(self, label: str) -> Figure:
        """Load of an instance: 0 to 100 of all its vCPUs; of each, where their number is unknown."""
        part = Part(name="CPUUtilization", statistic="Average")
        expression = f"{part.id} / {self._vcpus}" if self._vcpus else None
        return Figure(label=label, parts=(part,), expression=expression)

    def cache_hit_percent(self, label: str) -> Figure:
        """Share of requests whose model was in memory, 0 to 100."""
        part = Part(name="ModelCacheHit", statistic="Average")
        return Figure(label=label, parts=(part,), expression=f"100 * {part.id}")


def _plain(name: str, label: str, statistic: str) -> Figure:
    return Figure(label=label, parts=(Part(name=name, statistic=statistic),))
