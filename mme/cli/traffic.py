"""The options that describe models and traffic, for `mme plan` and `mme bench`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mme.errors import MmeError

if TYPE_CHECKING:
    from mme.cli.deployment import Target
    from mme.plan.models.assumptions import Assumptions
    from mme.plan.models.model_fleet import ModelFleet, ModelSize
    from mme.plan.prediction.caching import Traffic
    from mme.plan.traffic.mix import Mix
    from mme.plan.traffic.trace import Trace

_PANEL: Final = "Traffic"
_CALLS: Final = '"Invoking SageMaker TargetModel:"'
"""Filter pattern of CloudWatch Logs for Triton's lines about calls."""

TraceFile = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        rich_help_panel=_PANEL,
        help="Requests: CSV or JSON lines with time and model, or Triton's log.",
    ),
]
LogSince = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        rich_help_panel=_PANEL,
        help="Requests from the endpoint's log: 1h, 2d. Triton logs each call.",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", rich_help_panel=_PANEL, help="A mix instead: mean requests per second."),
]
Zipf = Annotated[
    float, typer.Option("--zipf", rich_help_panel=_PANEL, help="Exponent of the mix's popularity; 0 = equal.")
]
Daily = Annotated[
    str | None,
    typer.Option(
        "--daily",
        metavar="24 NUMBERS",
        rich_help_panel=_PANEL,
        help="Relative rate of each hour of the mix, separated by commas.",
    ),
]
ModelsFile = Annotated[
    Path | None,
    typer.Option(
        "--models",
        metavar="FILE",
        rich_help_panel=_PANEL,
        help="Sizes: CSV with model, unpacked_bytes, archive_bytes. Default: as published.",
    ),
]

Assume = Annotated[
    list[str] | None,
    typer.Option(
        "--assume",
        metavar="NAME=VALUE",
        help="An assumption, such as service_ms=12 or weight_factor=2; repeatable.",
    ),
]


@dataclass(frozen=True)
class TrafficOptions:
    """Values of the options above."""

    trace: Path | None
    since: str | None
    rate: float | None
    zipf: float
    daily: str | None
    models: Path | None

    def check(self) -> None:
        """Refuse none or several sources of traffic.

        Raises:
            MmeError: There is not exactly one.
        """
        given = [
            flag
            for flag, value in (("--trace", self.trace), ("--since", self.since), ("--rate", self.rate))
            if value is not None
        ]
        if not given:
            raise MmeError(
                "no traffic is given; a plan needs the requests or a mix",
                hint="give --trace FILE, --since 1d for the endpoint's log, or --rate 50 for a Zipf mix",
            )
        if len(given) > 1:
            raise MmeError(f"{' and '.join(given)} both give the traffic", hint="give one of them")
        if self.daily is not None and self.rate is None:
            raise MmeError("--daily is about a mix, and none is given", hint="add --rate")

    def sizes(self, target: Target) -> tuple[list[ModelSize], str]:
        """Return the models' sizes, and where they are from.

        Args:
            target: The deployment whose published models are read without a file.

        Raises:
            MmeError: The deployment or its bucket can't be read.
        """
        from mme.plan.models.model_fleet import sizes_of_records
        from mme.plan.models.size_files import read_sizes

        if self.models is not None:
            return read_sizes(self.models), str(self.models)
        from mme.console import waiting

        try:
            store = target.store()
        except MmeError as error:
            or_file = "or give the models' sizes: --models FILE"
            error.hint = f"{error.hint}; {or_file}" if error.hint else or_file
            raise
        with waiting(f"reading the sizes of the models under {store.url}"):
            return sizes_of_records(store.records()), store.url

    def _read_trace(self, target: Target) -> tuple[Trace, str]:
        from mme.plan.traffic.trace_files import read_trace, trace_of_events

        if self.trace is not None:
            return read_trace(self.trace), str(self.trace)
        from mme.console import waiting
        from mme.operate.log_events import log_group_name, read_events
        from mme.operate.periods import parse_since

        start = parse_since(self.since or "1d")
        endpoint = target.deployment.endpoint_name
        with waiting(f"reading the log of {endpoint} since {start:%Y-%m-%d %H:%M} UTC"):
            events = read_events(target.clients.logs, endpoint, start, pattern=_CALLS)
            found = trace_of_events(((one.moment, one.message) for one in events), log_group_name(endpoint))
        return found, f"the log of {endpoint}"

    def requests(self, target: Target) -> tuple[Mix | Trace, str]:
        """Return the mix, or the requests of the file or the log; and where they are from.

        Args:
            target: The deployment whose log is read.
        """
        from mme.plan.capacity.instance_choice import parse_daily
        from mme.plan.traffic.mix import Mix

        self.check()
        if self.rate is None:
            return self._read_trace(target)
        return Mix(self.rate, self.zipf, parse_daily(self.daily)), "the mix"

    def traffic(
        self, target: Target, assumptions: Assumptions, calibration: Path | None
    ) -> tuple[Traffic, list[str]]:
        """Return the traffic with its models, and what a calibration changed.

        Args:
            target: The deployment.
            assumptions: How instances and containers behave.
            calibration: A result of `mme bench`, whose times replace the assumed ones.
        """
        from mme.plan.prediction.mix_traffic import MixTraffic
        from mme.plan.prediction.trace_traffic import TraceTraffic
        from mme.plan.traffic.mix import Mix

        requests, name = self.requests(target)
        sizes, source = self.sizes(target)
        assumptions, notes = _calibrated(calibration, sizes, assumptions)
        fleet = fleet_for(requests, sizes, assumptions, source=source, traffic=name)
        if isinstance(requests, Mix):
            return MixTraffic(requests, fleet), notes
        return TraceTraffic(requests, fleet), notes


def fleet_for(
    requests: Mix | Trace, sizes: Sequence[ModelSize], assumptions: Assumptions, *, source: str, traffic: str
) -> ModelFleet:
    """Return the models of a trace, or all models for a mix; see `fleet_of`."""
    from mme.plan.models.model_fleet import fleet_of
    from mme.plan.traffic.trace import Trace

    names = requests.names if isinstance(requests, Trace) else [one.model for one in sizes]
    return fleet_of(sizes, names, assumptions, source=source, traffic=traffic)


def _calibrated(
    result: Path | None, sizes: list[ModelSize], assumptions: Assumptions
) -> tuple[Assumptions, list[str]]:
    if result is None:
        return assumptions, []
    from mme.plan.load_test.calibration import calibrated
    from mme.plan.load_test.measurement import read_measurement

    return calibrated(read_measurement(result), sizes, assumptions)
