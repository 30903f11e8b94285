"""The markdown of text widgets: headings, lists, links, emphasis and code, and nothing that runs."""

from __future__ import annotations

import re
from typing import Final

from mme_local.observe.page.messages import text

_HEADING: Final = re.compile(r"(#{1,6})\s+(.*)")
_ITEM: Final = re.compile(r"[-*+]\s+(.*)")
_INLINE: Final = re.compile(
    r"`(?P<code>[^`]+)`|\[(?P<label>[^\]]*)\]\((?P<target>[^)\s]+)\)|\*\*(?P<strong>[^*]+)\*\*"
    r"|(?P<address>https?://[^\s<>]+)"
)


def render_markdown(source: str) -> str:
    """HTML of the markdown; what is not known stays as it was written."""
    parts: list[str] = []
    paragraph: list[str] = []
    items: list[str] = []

    def flush() -> None:
        if paragraph:
            parts.append(f"<p>{'<br>'.join(map(_inline, paragraph))}</p>")
            paragraph.clear()
        if items:
            parts.append(f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</ul>")
            items.clear()

    for line in source.splitlines():
        stripped = line.strip()
        if heading := _HEADING.fullmatch(stripped):
            flush()
            # The page has its own first two levels.
            level = min(6, len(heading[1]) + 2)
            parts.append(f"<h{level}>{_inline(heading[2])}</h{level}>")
        elif item := _ITEM.fullmatch(stripped):
            if paragraph:
                flush()
            items.append(item[1])
        elif stripped:
            if items:
                flush()
            paragraph.append(stripped)
        else:
            flush()
    flush()
    return "".join(parts)


def _inline(source: str) -> str:
    parts = []
    at = 0
    for match in _INLINE.finditer(source):
        parts.append(text(source[at : match.start()]))
        at = match.end()
        if match["code"]:
            parts.append(f"<code>{text(match['code'])}</code>")
        elif match["strong"]:
            parts.append(f"<strong>{text(match['strong'])}</strong>")
        elif match["address"]:
            parts.append(_link(match["address"], match["address"]))
        else:
            parts.append(_link(match["target"], match["label"] or match["target"]))
    return "".join([*parts, text(source[at:])])


def _link(target: str, label: str) -> str:
    if not target.startswith(("https://", "http://")):
        return text(label)
    return f'<a href="{text(target)}" rel="noreferrer">{text(label)}</a>'
