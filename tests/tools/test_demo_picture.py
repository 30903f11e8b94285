from __future__ import annotations

from tools.demo_picture import half_blocks, shades


def test_two_pixels_a_character_the_upper_in_front() -> None:
    picture = half_blocks([[0, 16], [16, 0]])
    assert picture.plain == "▀▀▀▀"
    first, second = (span.style for span in picture.spans)
    assert (first.color.triplet.hex, first.bgcolor.triplet.hex) == ("#ffffff", "#000000")  # type: ignore[union-attr]
    assert (second.color.triplet.hex, second.bgcolor.triplet.hex) == ("#000000", "#ffffff")  # type: ignore[union-attr]


def test_without_colours_density_is_ink() -> None:
    assert shades([[0, 8], [16, 4]]).plain == "  ▒▒\n██░░"
