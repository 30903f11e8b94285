"""Small charts as inline SVG: no script, no outside assets, coloured by the page's style."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH: Final = 360
HEIGHT: Final = 88
_TOP: Final = 6
_Points = Sequence[float | None]


def line_chart(points: _Points, title: str, *, most: float, colour: str = "c1") -> str:
    """A line over a filled area; it stops where there is no value, and a lone value is a dot.

    Args:
        points: from left to right.
        title: says in words what is to be seen.
        most: the value at the upper edge.
        colour: class of the line.
    """
    parts = []
    for run in _runs(points):
        if len(run) == 1:
            number, value = run[0]
            parts.append(f'<circle class="dot" cx="{_x(number, points)}" cy="{_y(value, most)}" r="2.5"/>')
            continue
        way = " L".join(f"{_x(number, points)} {_y(value, most)}" for number, value in run)
        left, right = _x(run[0][0], points), _x(run[-1][0], points)
        parts.append(f'<path class="area" d="M{left} {HEIGHT} L{way} L{right} {HEIGHT} Z"/>')
        parts.append(f'<path class="line" d="M{way}"/>')
    return _chart(title, "".join(parts), colour)


def lines_chart(
    lines: Sequence[tuple[_Points, str]],
    title: str,
    *,
    least: float,
    most: float,
    marks: Sequence[float] = (),
) -> str:
    """Several lines, each from left to right with a class for its colour, and dashed marks across all.

    Args:
        lines: all of the same length of time.
        title: says in words what is to be seen.
        least: the value at the lower edge.
        most: the value at the upper edge.
        marks: such as thresholds.
    """
    height = most - least or 1.0
    parts = []
    for points, colour in lines:
        drawn = []
        for run in _runs(points):
            way = [(_x(number, points), _y(value - least, height)) for number, value in run]
            if len(way) == 1:
                drawn.append(f'<circle class="dot" cx="{way[0][0]}" cy="{way[0][1]}" r="2.5"/>')
            else:
                drawn.append(f'<path class="line" d="M{" L".join(f"{x} {y}" for x, y in way)}"/>')
        parts.append(f'<g class="{colour}">{"".join(drawn)}</g>')
    for mark in marks:
        if least <= mark <= most:
            parts.append(f'<path class="mark-line" d="M0 {_y(mark - least, height)} H{WIDTH}"/>')
    return _chart(title, "".join(parts), "")


def bar_chart(points: _Points, title: str, *, most: float, over: _Points = (), colour: str = "c1") -> str:
    """Bars; those of `over` stand in front of them in the colour of errors."""
    step = WIDTH / max(1, len(points))
    parts = []
    for kind, values in (("bar", points), ("bar bad", over)):
        for number, value in enumerate(values):
            if value:
                height = max(2.0, HEIGHT - _y(value, most))
                parts.append(
                    f'<rect class="{kind}" x="{number * step + 0.4:.1f}" y="{HEIGHT - height:.1f}" '
                    f'width="{max(0.8, step - 0.8):.1f}" height="{height:.1f}" rx="0.8"/>'
                )
    return _chart(title, "".join(parts), colour)


def meter(share: float, title: str) -> str:
    """A bar that is filled to a share of 0 to 1."""
    filled = round(100 * min(1.0, max(0.0, share)), 1)
    state = "full" if filled >= 90 else "high" if filled >= 70 else "fine"
    return (
        f'<svg class="meter {state}" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}"><rect class="track" width="100" height="4"/>'
        f'<rect class="fill" width="{filled}" height="4"/></svg>'
    )


def _chart(title: str, inside: str, colour: str) -> str:
    grid = "".join(
        f'<path class="grid" d="M0 {y} H{WIDTH}"/>' for y in (_TOP, (_TOP + HEIGHT) // 2, HEIGHT - 0.5)
    )
    return (
        f'<svg class="chart {colour}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}">{grid}{inside}</svg>'
    )


def _runs(points: _Points) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for number, value in enumerate(points):
        if value is not None:
            runs[-1].append((number, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _x(number: int, points: _Points) -> float:
    return round(WIDTH * (number + 0.5) / max(1, len(points)), 1)


def _y(value: float, most: float) -> float:
    return round(HEIGHT - (HEIGHT - _TOP) * min(1.0, value / most if most else 0.0), 1)
