"""What a search of the site finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping


def unfound(entries: Iterable[Mapping[str, str]], wanted: Iterable[tuple[str, str]]) -> list[str]:
    """Return the words for which a search does not find their page, sorted.

    Args:
        entries: `docs` of MkDocs' `search_index.json`: location, title and text of each section.
        wanted: A word, and the location of the page or section that explains it, or the beginning of it.
    """
    words = [
        (entry["location"], set(re.findall(r"[\w-]+", f"{entry['title']} {entry['text']}")))
        for entry in entries
    ]
    return sorted(
        word
        for word, page in set(wanted)
        if not any(location.startswith(page) and word in found for location, found in words)
    )
