from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest
from pydantic import ValidationError

from mme.fleet import EvictionOrder
from mme_local.settings import LocalSettings

DOCS = Path(__file__).parents[2] / "docs"


def test_every_setting_is_in_the_docs_with_its_default() -> None:
    told = dict(re.findall(r"(?m)^\| `MME_LOCAL_(\w+)` \| (\S+) \|", (DOCS / "local-runtime.md").read_text()))
    fields = LocalSettings.model_fields
    assert {name.lower() for name in told} == set(fields)
    for name, default in told.items():
        value = fields[name.lower()].default
        shown = value.value if isinstance(value, Enum) else value
        assert default == str(shown).lower(), name


def test_every_variable_that_the_differences_name_exists() -> None:
    named = re.findall(r"MME_LOCAL_([A-Z_]+[A-Z])", (DOCS / "local-differences.md").read_text())
    assert named
    assert {name.lower() for name in named} <= set(LocalSettings.model_fields)


def test_variables_set_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MME_LOCAL_EVICTION", "lfu")
    monkeypatch.setenv("MME_LOCAL_ENFORCE_IAM", "true")
    settings = LocalSettings()
    assert settings.eviction is EvictionOrder.LEAST_FREQUENTLY_USED
    assert settings.enforce_iam


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("MEMORY_MIB", "0"),
        ("MEMORY_MIB", "inf"),
        ("LOAD_SECONDS", "nan"),
        ("EVICTION", "random"),
        ("SPILL_AT", "0"),
        ("LOAD_SECONDS", "-1"),
    ],
)
def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"MME_LOCAL_{name}", value)
    with pytest.raises(ValidationError):
        LocalSettings()
