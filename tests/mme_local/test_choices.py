"""Which runtime a command is about, by flag and variables."""

from __future__ import annotations

import pytest

from mme.errors import MmeError
from mme_local.choices import chosen_port, chosen_settings, named_port


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MME_LOCAL_PORT", "MME_LOCAL_MEMORY_MIB", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


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
def test_the_url_names_a_port_of_this_machine(
    url: str, port: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert named_port() == port
    assert chosen_port(None) == (port or 4747)
    assert chosen_port(4801) == 4801


def test_the_own_variable_wins_over_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4800")
    monkeypatch.setenv("MME_LOCAL_PORT", "4747")
    assert chosen_port(None) == 4747
    monkeypatch.setenv("MME_LOCAL_PORT", "0")
    assert chosen_port(None) == 4800


def test_flags_win_over_variables_and_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MME_LOCAL_MEMORY_MIB", "64")
    assert chosen_settings(port=None).memory_mib == 64
    assert chosen_settings(memory_mib=32).memory_mib == 32
    monkeypatch.setenv("MME_LOCAL_MEMORY_MIB", "much")
    with pytest.raises(MmeError, match="memory_mib 'much' is not valid"):
        chosen_settings(port=1)
    monkeypatch.delenv("MME_LOCAL_MEMORY_MIB")
    monkeypatch.setenv("MME_LOCAL_PORT", "70000")
    with pytest.raises(MmeError, match="port '70000' is not valid"):
        chosen_port(None)
