"""`mme containers check` against a server that follows the contract, and servers that break one rule."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from mme_local.containers.contract_check import LABEL, Outcome, label_verdict
from tests.mme_local.containers.contract_server import ContractServer, serving

RULES = [
    *("ping", "list", "load", "load-again", "list-loaded", "list-pages", "get", "invoke", "unload"),
    *(f"{verb}-unloaded-model" for verb in ("get", "invoke", "unload")),
    *(f"{verb}-unknown-model" for verb in ("get", "invoke", "unload")),
    "out-of-memory",
]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_text("1")
    return folder


def arguments(url: str, model: Path) -> list[str]:
    body = model.parent / "request"
    body.write_text("1,2")
    return ["--url", url, "--model", str(model), "--body", str(body), "--content-type", "text/csv"]


def outcomes(ran: Any) -> dict[str, str]:
    return {one["rule"]: one["outcome"] for one in ran.json["verdicts"]}


def test_a_right_server_passes_and_is_left_as_it_was(mme: Any, model: Path) -> None:
    server = ContractServer(others=4)
    with serving(server) as url:
        ran = mme("containers", "check", *arguments(url, model), "--json")
    assert (ran.status, ran.json["passes"]) == (0, True)
    assert [one["rule"] for one in ran.json["verdicts"]] == RULES
    found = outcomes(ran)
    assert found.pop("out-of-memory") == "not provoked"
    assert set(found.values()) == {"holds"}
    assert all(one["page"].startswith("https://docs.aws.amazon.com/") for one in ran.json["verdicts"])
    assert server.files == ["weights"]
    assert len(server.models) == 4
    assert not Path(server.loads[0]["url"]).exists()


@pytest.mark.parametrize("broken", [rule for rule in RULES if rule not in ("list", "load", "out-of-memory")])
def test_a_broken_rule_is_the_only_verdict_that_fails(mme: Any, model: Path, broken: str) -> None:
    with serving(ContractServer(broken, others=4)) as url:
        ran = mme("containers", "check", *arguments(url, model), "--json")
    assert (ran.status, ran.json["passes"]) == (3, False)
    failed = [one for one in ran.json["verdicts"] if one["outcome"] == "fails"]
    assert [one["rule"] for one in failed] == [broken]
    assert failed[0]["hint"]


@pytest.mark.parametrize(
    ("broken", "failed"),
    [
        ("list", {"list", "list-loaded"}),
        ("load", {"load"}),
        ("out-of-memory", {"load", "out-of-memory"}),
        ("short", {"load"}),
    ],
)
def test_what_follows_from_a_broken_rule(mme: Any, model: Path, broken: str, failed: set[str]) -> None:
    with serving(ContractServer(broken)) as url:
        ran = mme("containers", "check", *arguments(url, model), "--json")
    assert ran.status == 3
    found = outcomes(ran)
    assert {rule for rule, outcome in found.items() if outcome == "fails"} == failed
    assert (found["out-of-memory"] == "holds") is (broken == "short")


def test_what_aws_accepts_is_no_failure(mme: Any, model: Path) -> None:
    with serving(ContractServer("list-empty-entry")) as url:
        ran = mme("containers", "check", *arguments(url, model), "--json")
    assert (ran.status, outcomes(ran)["list-loaded"]) == (0, "differs")


def test_the_table_names_the_page_and_the_fix(mme: Any, model: Path) -> None:
    with serving(ContractServer("load-again")) as url:
        ran = mme("containers", "check", *arguments(url, model))
    assert ran.status == 3
    assert ran.rows[0] == "VERDICT RULE OBSERVED AWS PAGE"
    assert "fails load-again 200, not 409 mms-container-apis" in ran.rows
    assert "fix load-again: answer 409 if model_name is already loaded" in ran.rows
    assert ran.rows[-1] == "stop 1 rule of the contract failed"


def test_an_archive_is_unpacked_and_a_call_needs_a_body(mme: Any, model: Path) -> None:
    archive = model.parent / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(model / "weights", "weights")
    server = ContractServer()
    with serving(server) as url:
        ran = mme("containers", "check", "--url", url, "--model", archive, "--json")
    assert (ran.status, outcomes(ran)["invoke"], server.files) == (0, "not provoked", ["weights"])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([], "there is not exactly one server to check"),
        (["--url", "http://localhost:1", "--image", "a"], "there is not exactly one server to check"),
        (["--url", "http://example.com:8080"], "url 'http://example.com:8080' is not valid"),
        (["--url", "http://localhost:port"], "url 'http://localhost:port' is not valid"),
        (["--url", "http://localhost:1"], "nothing answers at http://localhost:1: "),
        (["--url", "http://localhost:1", "--model", "/no/model"], "model /no/model can't be read"),
        (["--url", "http://localhost:1", "--body", "/no/body"], "body /no/body can't be read"),
        (["--handler", "/no/handler"], "/no/handler has no inference.py"),
    ],
)
def test_invalid_input_is_one_clear_error(mme: Any, model: Path, target: list[str], message: str) -> None:
    ran = mme("containers", "check", "--model", model, *target)
    assert ran.status == 2
    assert ran.err.startswith(f"error: {message}")
    assert len(ran.err.splitlines()) == 2, "the error and its hint"


def test_without_docker_an_image_is_one_clear_error(
    mme: Any, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{model}/no.sock")
    ran = mme("containers", "check", "--model", model, "--image", "mine:1")
    assert ran.status == 2
    assert ran.err.startswith(f"error: no Docker daemon answers at {model}/no.sock")


@pytest.mark.parametrize(
    ("labels", "outcome"),
    [
        ({LABEL: "true"}, Outcome.HOLDS),
        ({LABEL: "false"}, Outcome.FAILS),
        ({}, Outcome.FAILS),
        (None, Outcome.FAILS),
    ],
)
def test_the_label_of_an_image(labels: dict[str, str] | None, outcome: Outcome) -> None:
    assert label_verdict(labels).outcome is outcome
