"""Change one node of a JSON document: mutations of its bytes rarely leave it a document."""

from __future__ import annotations

import json
import random
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
    head, newline, tail = data.partition(b"\n")
    try:
        document = json.loads(data)
        newline = tail = b""
    except (ValueError, RecursionError):
        try:
            document = json.loads(head)
        except (ValueError, RecursionError):
            return None
    holder = {"": document}
    parent, key = chance.choice(list(_nodes(holder, "")))
    value = parent[key]
    other_parent, other_key = chance.choice(list(_nodes(holder, "")))
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
    try:
        return json.dumps(holder[""]).encode() + newline + tail
    except (ValueError, RecursionError):  # it holds itself
        return None


def _nodes(parent: Any, key: Any) -> Any:
    yield parent, key
    value = parent[key]
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for each in keys:
        yield from _nodes(value, each)
