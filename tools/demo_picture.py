"""A grey picture in a terminal."""

from __future__ import annotations

from typing import Any

from rich.color import Color
from rich.style import Style
from rich.text import Text

INK_MOST = 16.0
SHADES = " ░▒▓█"


def half_blocks(image: Any) -> Text:
    """Return the picture as text, each character an upper half block over its lower pixel.

    Args:
        image: numbers from 0 (paper) to 16 (ink), shape [even height, width].
    """
    picture = Text()
    for top, bottom in zip(image[::2], image[1::2], strict=True):
        if len(picture):
            picture.append("\n")
        for upper, lower in zip(top, bottom, strict=True):
            # doubled, since a character is half as wide as it is high
            picture.append("▀▀", Style(color=_grey(upper), bgcolor=_grey(lower)))
    return picture


def shades(image: Any) -> Text:
    """Return the picture for a terminal without colours: denser characters are darker.

    Args:
        image: numbers from 0 (paper) to 16 (ink), shape [height, width].
    """
    most = len(SHADES) - 1
    return Text(
        "\n".join("".join(SHADES[round(float(ink) / INK_MOST * most)] * 2 for ink in row) for row in image)
    )


def _grey(ink: float) -> Color:
    level = round(255 * (1 - min(max(float(ink) / INK_MOST, 0.0), 1.0)))
    return Color.from_rgb(level, level, level)
