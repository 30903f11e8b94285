"""Calling a model with 1x3x224x224 FP32, against how it is done by hand.

Baseline: `json.dumps` of `tolist()` and back, and for the whole call a boto3 client made for it. The whole
call goes through a local runtime to real Triton. Run it: python -m benchmarks.calling [--json]
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import boto3
import numpy as np

from benchmarks.local_endpoint import CLIENT, ENDPOINT, MODEL, local_endpoint
from benchmarks.report import Row, report
from mme.client import MultiModelClient, decode_reply, encode_request, runtime_client
from mme.client.datatypes import Array

ROUNDS = 9
SHAPE = (1, 3, 224, 224)


def main() -> None:
    """Measures and prints."""
    array = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)
    rows = [*measure_forms(array), measure_calls(array)]
    report("calling with 1x3x224x224 FP32", "json.dumps of tolist()", rows)


def measure_forms(array: Array) -> list[Row]:
    """Encoding a request and decoding a reply of the same tensor."""
    sent = encode_request({"X": array})
    size = int(sent.content_type.rpartition("=")[2])
    header = json.loads(sent.body[:size])
    answered = json.dumps({"outputs": [header["inputs"][0] | {"name": "Y"}]}).encode()
    reply = answered + sent.body[size:]
    reply_type = sent.content_type.replace(f"={size}", f"={len(answered)}")
    by_hand = json_request(array)
    json_reply = by_hand.replace(b'"inputs"', b'"outputs"', 1)

    def ours() -> None:
        encode_request({"X": array})
        decode_reply(reply, reply_type)

    def baseline() -> None:
        json_request(array)
        json_answer(json_reply)

    np.testing.assert_array_equal(decode_reply(reply, reply_type)["Y"], array)
    np.testing.assert_array_equal(json_answer(json_reply), array)
    theirs, own = medians(baseline, ours, repeats=50)
    return [
        Row("encode and decode", theirs * 1000, own * 1000, "ms", goal=500),
        Row("size of the request", len(by_hand) / 1e6, len(sent.body) / 1e6, "MB", goal=5),
    ]


def measure_calls(array: Array) -> Row:
    """The whole call, through InvokeEndpoint to Triton and back."""
    with local_endpoint() as url:
        session: Any = boto3.Session(**CLIENT)  # type: ignore[arg-type]
        make: Any = boto3.client
        client = MultiModelClient(ENDPOINT, runtime_client(session, endpoint_url=url))

        def ours() -> Array:
            return client.infer(MODEL, {"X": array})["Y"]

        def baseline() -> Array:
            runtime = make("sagemaker-runtime", endpoint_url=url, **CLIENT)
            answer = runtime.invoke_endpoint(
                EndpointName=ENDPOINT,
                TargetModel=MODEL,
                ContentType="application/json",
                Body=json_request(array),
            )
            return json_answer(answer["Body"].read())

        # Both are right, and the model is loaded.
        np.testing.assert_array_equal(ours(), array)
        np.testing.assert_array_equal(baseline(), array)
        theirs, own = medians(baseline, ours, repeats=10)
    return Row("whole call", theirs * 1000, own * 1000, "ms", goal=20)


def json_request(array: Array) -> bytes:
    """Encode the baseline's request: JSON of `tolist()`."""
    tensor = {"name": "X", "datatype": "FP32", "shape": list(array.shape), "data": array.tolist()}
    return json.dumps({"inputs": [tensor]}).encode()


def json_answer(body: bytes) -> Array:
    """Decode the baseline's reply."""
    (output,) = json.loads(body)["outputs"]
    return np.array(output["data"], np.float32).reshape(output["shape"])


def medians(
    baseline: Callable[[], object], ours: Callable[[], object], *, repeats: int
) -> tuple[float, float]:
    """Measure both in turns.

    Args:
        baseline: Called once per round.
        ours: Called `repeats` times per round.
        repeats: Calls per round, whose mean counts.

    Returns:
        The median seconds of a call of each.
    """
    theirs, own = [], []
    for _ in range(ROUNDS):
        theirs.append(seconds(baseline))
        own.append(seconds(ours, repeats) / repeats)
    return median(theirs), median(own)


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Return the seconds of `repeats` calls."""
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
