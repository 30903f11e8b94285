"""A store that others write to: odd keys are shown as text, and none of them ends a listing for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cli.test_console import unsafe

KEYS = (
    "[/foo]_v0.tar.gz",
    "[link=http://evil]add_sub_v9[/link].tar.gz",
    "\x1b]0;title\x07\x1b[2J_v0.tar.gz",
    "\u202egz.rat.txt_v0.tar.gz",
    "z\u200bero\x9b31m_v0.tar.gz",
)


def test_no_name_ends_a_listing_or_reaches_the_terminal(aws: Any, mme: Callable[..., Any]) -> None:
    for key in KEYS:
        aws.put_object(Bucket="models", Key=f"models/{key}", Body=b"x")
    for command, status in (
        (("models", "list"), 0),
        (("models", "list", KEYS[0][:3]), 0),
        (("models", "verify"), 1),
        (("models", "show", "nothing_v0.tar.gz"), 2),
        (("models", "diff", KEYS[0], KEYS[2]), 2),
        (("models", "prune", "--keep", "1", "--dry-run"), 0),
        (("invoke", "add_sub", "-i", "X=1"), 2),
        (("endpoint", "warm", "nothing"), 2),
        *((("models", "show", key), 0) for key in KEYS),
        *((("archives", "explain", f"s3://models/models/{key}"), 2) for key in KEYS),
    ):
        ran = mme(*command)
        assert ran.status == status, (command, ran.err)
        assert "Traceback" not in ran.err
        assert unsafe(ran.out + ran.err) == [], command
    ran = mme("models", "list", "--json")
    assert unsafe(ran.out) == []
    assert sorted(one["model"] for one in ran.json) == sorted(KEYS)
