"""Settings from flags and variables, and the port that they name."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest

from mme.errors import MmeError
from mme.fleet import EvictionOrder
from mme_local.settings import LocalSettings, chosen_port, chosen_settings, named_port

DOCS = Path(__file__).parents[2] / "docs"


def test_the_docs_have_every_setting_with_its_default() -> None:
    table = dict(
        re.findall(r"(?m)^\| `MME_LOCAL_(\w+)` \| (\S+) \|", (DOCS / "local-endpoint.md").read_text())
    )
    fields = LocalSettings.model_fields
    assert {name.lower() for name in table} == set(fields)
    for name, default in table.items():
        value = fields[name.lower()].default
        assert default == str(value.value if isinstance(value, Enum) else value).lower(), name


def test_flags_override_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MME_LOCAL_MEMORY_MIB", "64")
    monkeypatch.setenv("MME_LOCAL_EVICTION", "lfu")
    assert chosen_settings(port=None).memory_mib == 64
    assert chosen_settings(memory_mib=32).memory_mib == 32
    assert chosen_settings().eviction is EvictionOrder.LEAST_FREQUENTLY_USED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("MEMORY_MIB", "0"),
        ("MEMORY_MIB", "inf"),
        ("MEMORY_MIB", "much"),
        ("LOAD_SECONDS", "nan"),
        ("EVICTION", "random"),
        ("SPILL_AT", "0"),
        ("LOAD_SECONDS", "-1"),
    ],
)
def test_an_invalid_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"MME_LOCAL_{name}", value)
    with pytest.raises(MmeError, match=f"{name.lower()} '{value}' is not valid") as caught:
        chosen_port(None)
    assert f"MME_LOCAL_{name}" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://localhost:4800", 4800),
        ("http://127.0.0.1:4800/", 4800),
        ("http://[::1]:4800", 4800),
        ("http://LOCALHOST:4800", 4800),
        ("http://localhost", None),
        ("http://localhost:many", None),
        ("http://localhost:99999", None),
        ("http://[broken", None),
        ("https://sagemaker.example:4800", None),
        ("", None),
    ],
)
def test_the_endpoint_url_names_a_port_of_this_machine(
    url: str, port: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert named_port() == port
    assert chosen_port(None) == (port or 4747)
    assert chosen_port(4801) == 4801


def test_the_port_variable_overrides_the_endpoint_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4800")
    monkeypatch.setenv("MME_LOCAL_PORT", "4747")
    assert chosen_port(None) == 4747
    monkeypatch.setenv("MME_LOCAL_PORT", "0")
    assert chosen_port(None) == 4800
