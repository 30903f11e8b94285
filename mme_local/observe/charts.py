"""Small charts as inline SVG: no script, no outside assets, coloured by the page's style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

WIDTH: Final = 360
HEIGHT: Final = 88
_TOP: Final = 6
_Points = Sequence[float | None]
_CHART: Final = Markup(
    '<svg class="chart {colour}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" '
    'aria-label="{title}">{grid}{inside}</svg>'
)
_GRID: Final = Markup("").join(
    Markup('<path class="grid" d="M0 {} H{}"/>').format(y, WIDTH)
    for y in (_TOP, (_TOP + HEIGHT) // 2, HEIGHT - 0.5)
)
_METER: Final = Markup(
    '<svg class="meter {level}" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" '
    'aria-label="{title}"><rect class="track" width="100" height="4"/>'
    '<rect class="fill" width="{filled}" height="4"/></svg>'
)


def line_chart(points: _Points, title: str, *, most: float, colour: str = "c1") -> Markup:
    """Draw a line over a filled area. It joins the values that there are; a single one is a dot.

    Args:
        points: values from left to right.
        title: text for screen readers.
        most: value at the upper edge.
        colour: class of the line.
    """
    known = ((number, value) for number, value in enumerate(points) if value is not None)
    path = [(_x(number, len(points)), _y(value, most)) for number, value in known]
    if len(path) < 2:
        dots = [Markup('<circle class="dot" cx="{}" cy="{}" r="2.5"/>').format(*one) for one in path]
        return _chart(title, dots, colour)
    line = " L".join(f"{x} {y}" for x, y in path)
    area = f"M{path[0][0]} {HEIGHT} L{line} L{path[-1][0]} {HEIGHT} Z"
    drawn = Markup('<path class="area" d="{}"/><path class="line" d="M{}"/>').format(area, line)
    return _chart(title, [drawn], colour)


def bar_chart(points: _Points, title: str, *, most: float, over: _Points = (), colour: str = "c1") -> Markup:
    """Draw bars.

    Args:
        points: values from left to right.
        title: text for screen readers.
        most: value at the upper edge.
        over: values drawn in front of the others, in the colour of errors.
        colour: class of the bars.
    """
    step = WIDTH / max(1, len(points))
    bar = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="0.8"/>')
    parts = []
    for kind, values in (("bar", points), ("bar bad", over)):
        for number, value in enumerate(values):
            if value:
                height = max(2.0, HEIGHT - _y(value, most))
                x, width = number * step + 0.4, max(0.8, step - 0.8)
                parts.append(bar.format(kind, x, HEIGHT - height, width, height))
    return _chart(title, parts, colour)


def meter(share: float, title: str) -> Markup:
    """Draw a bar that is partly filled.

    Args:
        share: the filled part, 0 to 1.
        title: text for screen readers.
    """
    filled = round(100 * min(1.0, max(0.0, share)), 1)
    level = "full" if filled >= 90 else "high" if filled >= 70 else "fine"
    return _METER.format(level=level, title=title, filled=filled)


def _chart(title: str, parts: Sequence[Markup], colour: str) -> Markup:
    return _CHART.format(
        colour=colour, width=WIDTH, height=HEIGHT, title=title, grid=_GRID, inside=Markup("").join(parts)
    )


def _x(number: int, count: int) -> float:
    return round(WIDTH * (number + 0.5) / max(1, count), 1)


def _y(value: float, most: float) -> float:
    return round(HEIGHT - (HEIGHT - _TOP) * min(1.0, value / most if most else 0.0), 1)
