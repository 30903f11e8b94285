"""A dashboard as a page: its changing part."""

from __future__ import annotations

from typing import Final

from mme_local.observe.dashboards.body import BodyError, read_widgets
from mme_local.observe.dashboards.cloud import read_body
from mme_local.observe.dashboards.widgets import render_widget
from mme_local.observe.page.blocks import block
from mme_local.observe.page.messages import text

RANGES: Final = {"1h": 3600, "3h": 10_800, "12h": 43_200}
"""What a reader may look at, in seconds up to now."""
DEFAULT_RANGE: Final = "1h"


def render_dashboard(region: str, name: str, length: str, now: float) -> str | None:
    """A dashboard's widgets; None where there is no such dashboard.

    Args:
        region: where it is.
        name: its name.
        length: one of `RANGES`.
        now: seconds since the epoch.
    """
    body = read_body(region, name)
    if body is None:
        return None
    end = int(now)
    try:
        widgets = read_widgets(body)
    except BodyError as error:
        inside = block("fault", f'<p class="empty">{text(error)}</p>')
    else:
        inside = "".join(
            block(f"w{place}", render_widget(widget, end - RANGES[length], end), f"cell w{widget.width}")
            for place, widget in enumerate(widgets)
        )
    links = "".join(
        f'<a href="?range={one}"{" aria-current=true" if one == length else ""}>{one}</a>' for one in RANGES
    )
    return (
        f'<section><div class="heading"><h2>{text(name)}</h2><p><span class="badge">{text(region)}</span></p>'
        f'<nav class="ranges" aria-label="Time">{links}</nav></div><div class="grid">{inside}</div></section>'
    )
