"""Charts as SVG: points and lines over two axes. All text is escaped here."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_WIDTH: Final = 560
_HEIGHT: Final = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 44
_TICKS: Final = 6
_LEADING: Final = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))
"""First digits of the values at a logarithmic axis, from few to many."""


@dataclass(frozen=True)
class Point:
    """A marked point.

    Attributes:
        x: Its value.
        y: Its value.
        kind: CSS class: `point`, `front`, `best` or `today`.
        title: Shown when the pointer is over it.
        label: Written next to it.
    """

    x: float
    y: float
    kind: str = "point"
    title: str = ""
    label: str = ""


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        title: What it shows, with its unit.
        text: Formats a value.
        logarithmic: Whether equal distances are equal ratios.
        limits: Lowest and highest value. Default: of the data.
    """

    title: str
    text: Callable[[float], str]
    logarithmic: bool = False
    limits: tuple[float, float] | None = None


def escaped(text: object) -> str:
    """Return text for HTML and SVG: the one place where it is escaped."""
    return html.escape(str(text), quote=True)


def chart(
    caption: str, x_axis: Axis, y_axis: Axis, points: Sequence[Point], *, line: Sequence[Point] = ()
) -> str:
    """Return a figure with one chart.

    Args:
        caption: Its title.
        x_axis: The horizontal axis.
        y_axis: The vertical axis.
        points: Points to mark; later ones are drawn over earlier ones.
        line: Points of a curve, ascending.
    """
    every = [*points, *line]
    across = _Scale(x_axis, [one.x for one in every], _LEFT, _WIDTH - _RIGHT)
    up = _Scale(y_axis, [one.y for one in every], _HEIGHT - _BOTTOM, _TOP)
    parts = [*_axes(across, up)]
    if len(line) > 1:
        path = " ".join(f"{across.at(one.x):.1f},{up.at(one.y):.1f}" for one in line)
        parts.append(f'<polyline class="curve" points="{path}"/>')
    labels = []
    for one in points:
        x, y = across.at(one.x), up.at(one.y)
        radius = 3 if one.kind == "point" else 5
        parts.append(
            f'<circle class="{escaped(one.kind)}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
            f"<title>{escaped(one.title)}</title></circle>"
        )
        if one.label:
            end = x > _WIDTH * 0.6
            labels.append(
                f'<text class="label" x="{x + (-8 if end else 8):.1f}" y="{max(y - 7, _TOP + 10):.1f}" '
                f'text-anchor="{"end" if end else "start"}">{escaped(one.label)}</text>'
            )
    return (
        f"<figure><figcaption>{escaped(caption)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escaped(caption)}">'
        f"{''.join(parts + labels)}</svg></figure>"
    )


class _Scale:
    def __init__(self, axis: Axis, values: Sequence[float], start: float, end: float) -> None:
        self.axis = axis
        usable = [value for value in values if math.isfinite(value) and (value > 0 or not axis.logarithmic)]
        low, high = axis.limits or (min(usable, default=1.0), max(usable, default=1.0))
        if axis.logarithmic:
            low, high = low / 1.15, high * 1.15
        elif axis.limits is None:
            low, high = 0.0, high * 1.05
        self.low, self.high = self._map(low), self._map(high)
        if self.high <= self.low:
            self.high = self.low + 1
        self.start, self.end = start, end

    def _map(self, value: float) -> float:
        return math.log10(max(value, 1e-12)) if self.axis.logarithmic else value

    def at(self, value: float) -> float:
        """Return the position of a value; values beyond the limits are at the edge."""
        share = (self._map(value) - self.low) / (self.high - self.low) if math.isfinite(value) else 1.0
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round values between the limits, at least three of them if there are any."""
        if not self.axis.logarithmic:
            return _round_values(self.low, self.high)
        decades = range(math.floor(self.low), math.ceil(self.high))
        for leading in _LEADING:
            values = [digit * 10.0**decade for decade in decades for digit in leading]
            inside = [value for value in values if self.low <= self._map(value) <= self.high]
            if len(inside) > 2:
                return inside[:: math.ceil(len(inside) / _TICKS)]
        return _round_values(10**self.low, 10**self.high)


def _round_values(low: float, high: float) -> list[float]:
    """Return the multiples of 1, 2, 2.5 or 5 times a power of ten between two values, up to six."""
    least = (high - low) / (_TICKS - 1)
    power = 10 ** math.floor(math.log10(least))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= least)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _axes(across: _Scale, up: _Scale) -> list[str]:
    bottom = _HEIGHT - _BOTTOM
    parts = []
    for value in up.ticks():
        y = up.at(value)
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        text = escaped(up.axis.text(value))
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}"/>')
    for value in across.ticks():
        x = across.at(value)
        anchor = "end" if x > _WIDTH - 2 * _RIGHT else "middle"
        text = escaped(across.axis.text(value))
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="{anchor}">{text}</text>')
    title = escaped(across.axis.title)
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 8}" text-anchor="end">{title}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 8}">{escaped(up.axis.title)} (vertical)</text>')
    return parts
