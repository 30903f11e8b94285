"""The page of differences from AWS names each setting that changes one, and no unknown setting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mme_local.settings import LocalSettings

DOCS = Path(__file__).parents[2] / "docs"
NO_DIFFERENCE = {"port"}
"""Settings that change nothing of what a caller sees."""


def named(page: str) -> set[str]:
    return {
        name.lower()
        for name in re.findall(r"MME_LOCAL_([A-Z]+(?:_[A-Z]+)*)", (DOCS / page).read_text("utf-8"))
    }


@pytest.mark.parametrize("page", ["local-differences.md", "local-endpoint.md", "testing.md"])
def test_what_a_page_names_can_be_set(page: str) -> None:
    assert named(page) <= set(LocalSettings.model_fields)


def test_every_setting_is_in_the_runtimes_table() -> None:
    assert named("local-endpoint.md") >= set(LocalSettings.model_fields)


def test_every_difference_that_can_be_set_names_its_setting() -> None:
    assert named("local-differences.md") >= set(LocalSettings.model_fields) - NO_DIFFERENCE


@pytest.mark.parametrize("word", ["lru", "lfu", "fifo"])
def test_the_page_names_the_values_of_a_setting(word: str) -> None:
    assert f"`{word}`" in (DOCS / "local-endpoint.md").read_text("utf-8")
