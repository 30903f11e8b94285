"""NAME_vN.tar.gz, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.errors import MmeError
from mme.registry import ModelName, check_name, object_key
from mme.registry.names import is_unusable_key

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}(/[A-Za-z0-9][A-Za-z0-9._-]{0,30})?", fullmatch=True)


@given(names, st.integers(0, 10**9))
def test_round_trip(name: str, version: int) -> None:
    model = ModelName(check_name(name), version)
    assert ModelName.parse(model.target_model) == model


@given(st.text())
def test_anything_parsed_is_written_the_same(text: str) -> None:
    for candidate in (text, f"{text}_v1.tar.gz"):
        parsed = ModelName.parse(candidate)
        assert parsed is None or parsed.target_model == candidate


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("add_sub_v0.tar.gz", ModelName("add_sub", 0)),
        ("tenant-a/x_v12.tar.gz", ModelName("tenant-a/x", 12)),
        ("add_sub_v2_v0.tar.gz", ModelName("add_sub_v2", 0)),
        ("add_sub_v01.tar.gz", None),
        ("add_sub.tar.gz", None),
        ("add_sub_v1.tgz", None),
        ("_v1.tar.gz", None),
        ("a/../b_v1.tar.gz", None),
        ("/a_v1.tar.gz", None),
        ("a_v1.tar.gz\n", None),
    ],
)
def test_examples(target: str, expected: ModelName | None) -> None:
    assert ModelName.parse(target) == expected


@pytest.mark.parametrize("name", ["my model", "", ".hidden", "a//b", "a/", "näme", "a\n"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(MmeError, match="can't be a model's name"):
        check_name(name)


def test_an_archives_name_is_not_a_models_name() -> None:
    with pytest.raises(MmeError, match=r"'m_v3\.tar\.gz' can't be a model's name") as caught:
        check_name("m_v3.tar.gz")
    assert caught.value.hint == "give the model's name only: m"


@pytest.mark.parametrize(
    ("key", "unusable"),
    [
        ("my model?x=1_v0.tar.gz", False),
        (" a_v0.tar.gz", True),
        ("größe_v0.tar.gz", True),
        ("a\x9bb_v0.tar.gz", True),
        ("a//b_v0.tar.gz", True),
        ("a/../b_v0.tar.gz", True),
    ],
)
def test_keys_that_no_call_can_name(key: str, unusable: bool) -> None:
    assert is_unusable_key(key) == unusable


def test_longest_target_model() -> None:
    assert object_key("", "a" * 1024)
    with pytest.raises(MmeError, match="1025 characters"):
        object_key("", "a" * 1025)
    with pytest.raises(MmeError, match="1027 bytes"):
        object_key("models/", "a" * 1020)
