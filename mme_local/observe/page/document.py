"""The status page as HTML. Templates escape every value and replace control characters and lone surrogates.

Nothing else here writes markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mme.console import safe_text
from mme_local.aws.cloudwatch.distribution import Distribution
from mme_local.observe import charts
from mme_local.observe.alarms import ObservedAlarm
from mme_local.observe.history import SLICE_SECONDS, EndpointHistory, History, Slice
from mme_local.observe.page import formats

MINUTES: Final = 30
_MODELS_SHOWN: Final = 100
_TEMPLATES: Final = Environment(
    loader=PackageLoader("mme_local.observe", "page"),
    autoescape=True,
    finalize=lambda value: (
        value if isinstance(value, Markup) or not isinstance(value, str) else safe_text(value)
    ),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {
    each.__name__: each
    for each in (formats.age, formats.clock, formats.count, formats.plural, formats.seconds, formats.size)
}
_TEMPLATES.globals |= {
    "meter": charts.meter,
    "share": formats.share,
    "nothing": formats.NOTHING,
    "minutes": MINUTES,
    "models_shown": _MODELS_SHOWN,
}


def render_page(status: Mapping[str, Any], main: str, nonce: str) -> str:
    """Return the whole document.

    Args:
        status: the local endpoint's description: ``url``, ``pid``, ``backends``.
        main: the part that changes, from `render_main`.
        nonce: allows the page's own style and script, and nothing else (Content Security Policy).
    """
    return _TEMPLATES.get_template("page.html").render(status=status, main=main, nonce=nonce)


def render_main(
    status: Mapping[str, Any],
    history: History,
    cpu: Mapping[str, float],
    alarms: Sequence[ObservedAlarm],
    now: float,
) -> str:
    """Return the part of the page that changes while the local endpoint serves.

    Args:
        status: the local endpoint's description, with ``endpoints`` from `DataPlane.describe`.
        history: the endpoints' requests.
        cpu: percent of a processor, by instance id.
        alarms: the deployed alarms.
        now: seconds since the epoch.
    """
    endpoints = [
        _endpoint(each, history.of(each["region"], each["name"]), now) for each in status["endpoints"]
    ]
    template = _TEMPLATES.get_template("main.html")
    return template.render(url=status["url"], endpoints=endpoints, cpu=cpu, alarms=alarms, now=now)


def _endpoint(endpoint: Mapping[str, Any], history: EndpointHistory, now: float) -> dict[str, Any]:
    slices = history.slices(now)
    place = f"{endpoint['region']}/{endpoint['name']}/{endpoint['variant']}"
    instances = [
        {
            **each,
            "model_count": len(each["models"]),
            "hidden_models": max(0, len(each["models"]) - _MODELS_SHOWN),
        }
        for each in endpoint["instances"]
    ]
    return {
        **endpoint,
        "instances": instances,
        "key": f"e{sha256(place.encode(errors='surrogatepass')).hexdigest()[:12]}",
        "history": history,
        "latency": _merged(one.latencies for one in slices),
        "wait": _merged(one.waits for one in slices),
        "latest_requests": sum(one.requests for one in slices),
        "charts": list(_charts(slices)),
    }


def _charts(slices: Sequence[Slice]) -> Iterable[dict[str, Any]]:
    """Yield requests, hit ratio and load wait over time, each with a name, a note and the highest value."""

    def title(name: str, note: str) -> str:
        return f"{name} of the last {MINUTES} minutes: {note}"

    name = "Requests"
    requests, errors = [one.requests for one in slices], [one.errors for one in slices]
    most = formats.count(max(requests))
    note = f"most {most} in {SLICE_SECONDS} s, {formats.plural(sum(errors), 'error')}"
    drawing = charts.bar_chart(requests, title(name, note), most=max(requests) or 1, over=errors)
    yield {"name": name, "note": note, "most": most, "drawing": drawing}

    name = "Cache hit ratio"
    ratios = [100 * one.hits / (one.hits + one.misses) if one.hits + one.misses else None for one in slices]
    known = [ratio for ratio in ratios if ratio is not None]
    note = f"lowest {min(known):.0f} %" if known else "no requests"
    drawing = charts.line_chart(ratios, title(name, note), most=100, colour="c2")
    yield {"name": name, "note": note, "most": "100 %", "drawing": drawing}

    name = "Load wait"
    waits = [one.waits.statistic("Maximum") for one in slices]
    longest = max(wait or 0.0 for wait in waits)
    note = f"longest {formats.seconds(longest)}" if longest else "no waits"
    drawing = charts.bar_chart(waits, title(name, note), most=longest or 1, colour="c3")
    yield {
        "name": name,
        "note": note,
        "most": formats.seconds(longest) if longest else "",
        "drawing": drawing,
    }


def _merged(parts: Iterable[Distribution]) -> Distribution:
    whole = Distribution()
    for part in parts:
        whole.merge(part)
    return whole
