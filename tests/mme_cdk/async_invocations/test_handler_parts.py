"""The handler's entry point, its reading of messages, and its reasons as S3 metadata."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme_cdk.async_invocations.handler import index, outcomes
from mme_cdk.async_invocations.handler.environment import Environment
from mme_cdk.async_invocations.handler.errors import PoisonMessageError
from mme_cdk.async_invocations.handler.request import parse
from tests.mme_cdk.async_invocations.conftest import World

FOLDER = Path(index.__file__).parent
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 450_000)


def test_a_batch_reports_what_is_to_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    handled = {"m1": True, "m2": False}

    def handle(record: Any, seconds_left: Any) -> bool:
        assert seconds_left() == 450
        if record["messageId"] == "m3":
            raise RuntimeError("a bug")
        return handled[record["messageId"]]

    makers: list[threading.Thread] = []

    def consumer() -> SimpleNamespace:
        makers.append(threading.current_thread())
        return SimpleNamespace(handle=handle)

    monkeypatch.setattr(index, "consumer", consumer)
    event = {"Records": [{"messageId": id} for id in ("m1", "m2", "m3")]}
    assert index.handler(event, CONTEXT) == {
        "batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}]
    }
    assert makers == [threading.current_thread()], "boto3's clients are made in one thread, once"


@given(st.text())
def test_any_text_is_a_request_or_poison(body: str) -> None:
    try:
        found = parse(body)
    except PoisonMessageError:
        return
    assert 0 < len(found.inference_id) <= 64


@given(
    st.dictionaries(
        st.sampled_from(["TargetModel", "Accept", "RequestTTLSeconds"]), st.text() | st.integers()
    )
)
def test_the_digest_tells_requests_apart_and_not_spellings(fields: dict[str, Any]) -> None:
    request = {"InferenceId": "a", **fields}
    spelled = json.dumps(dict(reversed(request.items())), indent=2)
    assert parse(spelled).digest == parse(json.dumps(request)).digest
    assert parse(json.dumps({**request, "ContentType": "other"})).digest != parse(spelled).digest


@given(st.text(max_size=5000))
def test_a_reason_fits_metadata_and_comes_back(reason: str) -> None:
    kept = outcomes._to_ascii(reason)
    assert kept.isascii()
    assert kept.isprintable()
    assert len(kept) <= 700
    assert reason.startswith(json.loads(kept))
    if len(json.dumps(reason)) <= 700:
        assert json.loads(kept) == reason


def test_all_metadata_fits_what_s3_takes() -> None:
    longest = outcomes.Outcome(
        status="DeadLettered",
        digest="d" * 64,
        message_id="m" * 36,
        body=b"",
        reason="é" * 9000,
        custom_attributes="é" * 1024,
    )
    assert sum(len(name) + len(value) for name, value in longest.metadata().items()) <= 2048


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(KeyError, match="MME_ENDPOINT_NAME"):
        Environment.load({})


def test_the_package_needs_nothing_but_boto3() -> None:
    allowed = ("from .", "from __future__", "from botocore", "import boto3")
    standard = {"collections", "concurrent", "dataclasses", "datetime", "functools", "hashlib", "json"}
    standard |= {"logging", "os", "random", "re", "threading", "time", "typing", "urllib"}
    for path in FOLDER.glob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            if line.startswith(("import ", "from ")) and not line.startswith(allowed):
                assert line.split()[1].partition(".")[0] in standard, f"{path.name}: {line}"
