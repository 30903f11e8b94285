"""The handler's entry point, its digests, and reasons as S3 metadata."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mme_cdk.async_invocations.handler import index, outcomes
from mme_cdk.async_invocations.handler.request import parse

FOLDER = Path(index.__file__).parent
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 450_000)


def test_a_batch_reports_the_messages_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(record: Any, seconds_left: Any) -> bool:
        assert seconds_left() == 450
        if record["messageId"] == "m3":
            raise RuntimeError("a bug")
        return bool(record["messageId"] == "m1")

    monkeypatch.setattr(index, "consumer", lambda: SimpleNamespace(handle=handle))
    event = {"Records": [{"messageId": id} for id in ("m1", "m2", "m3")]}
    assert index.handler(event, CONTEXT) == {
        "batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}]
    }


@given(
    st.dictionaries(
        st.sampled_from(["TargetModel", "Accept", "RequestTTLSeconds"]), st.text() | st.integers()
    )
)
def test_the_digest_ignores_order_and_whitespace(fields: dict[str, Any]) -> None:
    request = {"InferenceId": "a", **fields}
    spelled = json.dumps(dict(reversed(request.items())), indent=2)
    assert parse(spelled).digest == parse(json.dumps(request)).digest
    assert parse(json.dumps({**request, "ContentType": "other"})).digest != parse(spelled).digest


@given(st.text(max_size=9000))
@example("é" * 9000)
def test_metadata_is_ascii_and_fits_into_2_kb(reason: str) -> None:
    metadata = outcomes.RequestOutcome(
        status="DeadLettered",
        digest="d" * 64,
        message_id="m" * 36,
        body=b"",
        reason=reason,
        custom_attributes="é" * 1024,
    ).metadata()
    encoded = metadata["mme-reason"]
    assert encoded.isascii()
    assert encoded.isprintable()
    assert sum(len(name) + len(value) for name, value in metadata.items()) <= 2048
    assert reason.startswith(json.loads(encoded))
    if len(json.dumps(reason)) <= 700:
        assert json.loads(encoded) == reason


def test_the_handler_imports_boto3_and_the_standard_library_only() -> None:
    allowed = ("from .", "from __future__", "from botocore", "import boto3")
    for path in FOLDER.glob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            if line.startswith(("import ", "from ")) and not line.startswith(allowed):
                assert line.split()[1].partition(".")[0] in sys.stdlib_module_names, f"{path.name}: {line}"
