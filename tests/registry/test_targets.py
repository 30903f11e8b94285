"""A wrong name is answered with similar names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.errors import MmeError
from mme.registry.targets import closest_targets, find_target, unknown_target

PRESENT = [
    "scale_v0.tar.gz",
    "scale_v1.tar.gz",
    "scale_v10.tar.gz",
    "tenant-a/digits_v0.tar.gz",
    "old.tar.gz",
]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("scale", ["scale_v10.tar.gz"]),
        ("scale_v2.tar.gz", ["scale_v10.tar.gz"]),
        ("scale_v1", ["scale_v10.tar.gz"]),
        ("scael_v1.tar.gz", ["scale_v10.tar.gz"]),
        ("digits_v0.tar.gz", ["tenant-a/digits_v0.tar.gz"]),
        ("old", ["old.tar.gz"]),
        ("nothing-like-it", []),
        ("", []),
    ],
)
def test_closest(wrong: str, expected: list[str]) -> None:
    assert closest_targets(wrong, PRESENT) == expected


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=30), max_size=20))
def test_only_existing_archives_are_suggested(wrong: str, present: list[str]) -> None:
    found = closest_targets(wrong, present)
    assert len(found) <= 3
    assert set(found) <= set(present)


def test_empty_store(store) -> None:
    assert unknown_target(store, "x").hint == "nothing is published there yet: mme models add PATH"


def test_nothing_close(store, s3) -> None:
    s3.put_object(Bucket="models", Key="models/scale_v0.tar.gz", Body=b"x")
    with pytest.raises(MmeError, match="there is no model 'zzz' in s3://models/models/") as caught:
        find_target(store, "zzz")
    assert caught.value.hint == "list the models: mme models list"
    assert find_target(store, "scale_v0.tar.gz").size == 1
