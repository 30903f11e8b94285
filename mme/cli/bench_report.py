"""What `mme bench` prints."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from mme.console import count_text, plain_table, print_json, print_line, print_note, print_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mme.plan.load_test.comparison import Compared
    from mme.plan.load_test.measurement import Measurement

_LATE: Final = 0.01


def print_bench(measured: Measurement, compared: list[Compared] | None, setup: str) -> None:
    """Print latencies, errors, and the prediction.

    Args:
        measured: Result of the load test.
        compared: Prediction and measurement; None if there is no prediction.
        setup: The instances of the prediction, or why there is none.
    """
    trace = measured.trace
    print_line(
        f"{count_text(len(trace), 'requests')} of {measured.planned:,} to "
        f"{count_text(len(set(trace.models.tolist())), 'models')}, {trace.rate:,.4g} per second"
    )
    print_line("")
    numbers = ("COUNT", "P50", "P95", "P99")
    table = plain_table("REQUESTS", *numbers, right=numbers)
    for name, which in (("all", measured.answered), ("warm", measured.warm), ("cold", measured.cold)):
        table.add_row(
            name,
            f"{int(which.sum()):,}",
            *(_ms(measured.percentile_ms(share, which)) for share in (0.5, 0.95, 0.99)),
        )
    for kind, count in measured.error_counts.items():
        table.add_row(kind, f"{count:,}", "", "", "")
    print_table(table)
    if compared is not None:
        print_line("")
        table = plain_table("FIGURE", "PREDICTED", "MEASURED", right=("PREDICTED", "MEASURED"))
        for one in compared:
            table.add_row(one.name, _number(one.predicted), _number(one.measured))
        print_table(table)
        print_note(
            "predicted:", f"by a replay of these requests on {setup}, with what is assumed or calibrated"
        )
    else:
        print_note("no prediction:", setup)
    if math.isfinite(measured.cold_from):
        print_note(
            "cold:", f"slower than {_ms(measured.cold_from * 1000)}, the gap between two groups of latencies"
        )
    if measured.interrupted:
        print_note("interrupted:", "the requests until then are measured")
    if measured.late_share > _LATE:
        print_note(
            "late:",
            f"{measured.late_share:.1%} of the requests were sent more than 50 ms late, which counts as "
            "latency; raise --connections, or send from several machines",
        )


def print_bench_json(measured: Measurement, compared: list[Compared] | None, setup: str) -> None:
    """Print the same for scripts; see `print_bench`."""
    groups = {"all": measured.answered, "warm": measured.warm, "cold": measured.cold}
    print_json(
        {
            "requests": len(measured.trace),
            "planned": measured.planned,
            "interrupted": measured.interrupted,
            "rate": measured.trace.rate,
            "errors": measured.error_counts,
            "late_share": measured.late_share,
            "cold_from_ms": _plain(measured.cold_from * 1000),
            "latency": {name: _group(measured, which) for name, which in groups.items()},
            "instances": setup if compared is not None else None,
            "comparison": [asdict(one) | {"measured": _plain(one.measured)} for one in compared or []],
        }
    )


def _group(measured: Measurement, which: NDArray[Any]) -> dict[str, float | int | None]:
    figures = {f"p{share}_ms": _plain(measured.percentile_ms(share / 100, which)) for share in (50, 95, 99)}
    return {"count": int(which.sum())} | figures


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _ms(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return f"{value:,.1f} ms" if value < 1000 else f"{value / 1000:,.2f} s"
