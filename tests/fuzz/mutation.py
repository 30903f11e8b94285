"""Change one node of a JSON document: mutations of its bytes rarely leave it a document."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any, Final

_VALUES: Final = (
    None, True, False, 0, -1, 7, 2**63, 1e308, 1e999, "", "*", "${a", "a/../b", "\0", "\ud800",
    [], {}, [[]], [None], {"": {}}, {"Ref": "B"}, {"Fn::Sub": "${"}, {"Fn::GetAtt": ["B"]}, "B.Arn",
)  # fmt: skip


def mutate_json(data: bytes, chance: random.Random) -> bytes | None:
    """Return the document with one node replaced, removed, copied or wrapped; None if it is not JSON.

    Args:
        data: A JSON document, or one in the first line of something else.
        chance: Decides which node, and what becomes of it.
    """
    for head, tail in ((data, b""), data.split(b"\n", 1) if b"\n" in data else (b"", b"")):
        with suppress(
            ValueError, RecursionError
        ):  # it is not JSON, nested deeply, or holds itself afterwards
            holder = {"": json.loads(head)}
            _change(holder, chance)
            return json.dumps(holder[""]).encode() + (b"\n" + tail if head != data else b"")
    return None


def _change(holder: dict[str, Any], chance: random.Random) -> None:
    nodes = list(_nodes(holder, ""))
    (parent, key), (other_parent, other_key) = chance.choice(nodes), chance.choice(nodes)
    value = parent[key]
    choice = chance.randrange(5)
    if choice == 0 and parent is not holder:
        del parent[key]
    elif choice == 1:
        parent[key] = other_parent[other_key]
    elif choice == 2:
        parent[key] = chance.choice(([value], {"x": value}, [value, value]))
    elif choice == 3 and isinstance(value, dict) and value:
        value[chance.choice(list(value)) + chance.choice(("", "x"))] = chance.choice(_VALUES)
    else:
        parent[key] = chance.choice(_VALUES)


def _nodes(parent: Any, key: Any) -> Any:
    yield parent, key
    value = parent[key]
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for each in keys:
        yield from _nodes(value, each)
