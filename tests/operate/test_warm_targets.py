"""The models that a name, a pattern or an alias warms."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mme.errors import MmeError
from mme.operate.warm_targets import choose_targets, example_request
from mme.registry import ModelRecord


def record(name: str, version: int | None) -> ModelRecord:
    target = f"{name}.tar.gz" if version is None else f"{name}_v{version}.tar.gz"
    return ModelRecord(target, name, version, 1, datetime.now(UTC))


RECORDS = [
    *(record("add_sub", number) for number in (0, 2, 10)),
    record("tenant-a/x", 0),
    record("tenant-a/y", 1),
    record("plain", None),
]


def chosen(*patterns: str, **more: bool) -> list[str]:
    return choose_targets(patterns, RECORDS, {"add_sub@prod": "add_sub_v2.tar.gz"}.__getitem__, **more)


@pytest.mark.parametrize(
    ("patterns", "targets"),
    [
        (["add_sub"], ["add_sub_v10.tar.gz"]),
        (["add_sub_v0.tar.gz"], ["add_sub_v0.tar.gz"]),
        (["add_sub@prod"], ["add_sub_v2.tar.gz"]),
        (["tenant-a/*"], ["tenant-a/x_v0.tar.gz", "tenant-a/y_v1.tar.gz"]),
        (["plain.tar.gz", "plain"], ["plain.tar.gz"]),
        (["*sub*", "add_sub@prod"], ["add_sub_v10.tar.gz", "add_sub_v2.tar.gz"]),
    ],
)
def test_patterns(patterns: list[str], targets: list[str]) -> None:
    assert chosen(*patterns) == targets


def test_every_version() -> None:
    assert chosen("add_*", all_versions=True) == [
        "add_sub_v0.tar.gz",
        "add_sub_v2.tar.gz",
        "add_sub_v10.tar.gz",
    ]


def test_unknown_targets() -> None:
    with pytest.raises(MmeError, match="no published model is nothing"):
        chosen("nothing")
    with pytest.raises(MmeError, match=r"no published model matches tenant-b/\*"):
        chosen("tenant-b/*")


def test_a_model_removed_meanwhile() -> None:
    class Empty:
        def describe(self, target_model: str) -> None:
            return None

    with pytest.raises(MmeError, match=r"gone\.tar\.gz was removed"):
        example_request(Empty())("gone.tar.gz")  # type: ignore[arg-type]
