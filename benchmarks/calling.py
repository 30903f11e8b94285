"""Calling a model with 1x3x224x224 FP32, against how it is done by hand.

Baseline: `json.dumps` of `tolist()` and back, and for the whole call a boto3 client made for it. The whole
call goes through a local endpoint to real Triton. Run it: python -m benchmarks.calling [--json]
"""

from __future__ import annotations

import json
from functools import partial
from statistics import median
from timeit import timeit
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np

from benchmarks.local_endpoint import CLIENT, ENDPOINT, echo_model, local_runtime
from benchmarks.report import compared, report
from mme.client import MultiModelClient, decode_reply, encode_request, runtime_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from mme.client.datatypes import Array

ROUNDS = 9
MODEL = "identity_v0.tar.gz"
SHAPE = (1, 3, 224, 224)


def main() -> None:
    """Measure and print."""
    array = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)
    rows = [*measure_forms(array), measure_calls(array)]
    report("calling with 1x3x224x224 FP32; baseline: json.dumps of tolist()", rows)


def measure_forms(array: Array) -> list[dict[str, object]]:
    """Measure encoding a request and decoding a reply of the same tensor."""
    sent = encode_request({"X": array})
    size = int(sent.content_type.rpartition("=")[2])
    header = json.loads(sent.body[:size])
    answered = json.dumps({"outputs": [header["inputs"][0] | {"name": "Y"}]}).encode()
    reply = answered + sent.body[size:]
    reply_type = sent.content_type.replace(f"={size}", f"={len(answered)}")
    by_hand = json_request(array)
    json_reply = by_hand.replace(b'"inputs"', b'"outputs"', 1)

    def ours() -> Array:
        encode_request({"X": array})
        return decode_reply(reply, reply_type)["Y"]

    def baseline() -> Array:
        json_request(array)
        return json_answer(json_reply)

    theirs, own = medians(array, baseline, ours, repeats=50)
    return [
        compared("encode and decode", theirs, own, "ms", goal=500),
        compared("size of the request", len(by_hand) / 1e6, len(sent.body) / 1e6, "MB", goal=5),
    ]


def measure_calls(array: Array) -> dict[str, object]:
    """Measure the whole call, through InvokeEndpoint to Triton and back."""
    with local_runtime({MODEL: echo_model(SHAPE)}) as state:
        make: Any = partial(boto3.client, "sagemaker-runtime", endpoint_url=state.url, **CLIENT)
        session = boto3.Session(**CLIENT)  # type: ignore[arg-type]
        client = MultiModelClient(ENDPOINT, runtime_client(session, endpoint_url=state.url))

        def ours() -> Array:
            return client.infer(MODEL, {"X": array})["Y"]

        def baseline() -> Array:
            answer = make().invoke_endpoint(
                EndpointName=ENDPOINT,
                TargetModel=MODEL,
                ContentType="application/json",
                Body=json_request(array),
            )
            return json_answer(answer["Body"].read())

        return compared("whole call", *medians(array, baseline, ours, repeats=10), "ms", goal=20)


def json_request(array: Array) -> bytes:
    """Encode the baseline's request: JSON of `tolist()`."""
    tensor = {"name": "X", "datatype": "FP32", "shape": list(array.shape), "data": array.tolist()}
    return json.dumps({"inputs": [tensor]}).encode()


def json_answer(body: bytes) -> Array:
    """Decode the baseline's reply."""
    (output,) = json.loads(body)["outputs"]
    return np.array(output["data"], np.float32).reshape(output["shape"])


def medians(
    expected: Array, baseline: Callable[[], Array], ours: Callable[[], Array], *, repeats: int
) -> tuple[float, float]:
    """Measure both in turns, after checking their results.

    Args:
        expected: The result of both.
        baseline: Called once per round.
        ours: Called `repeats` times per round, whose mean counts.
        repeats: Calls per round.

    Returns:
        The median milliseconds of a call of each.
    """
    np.testing.assert_array_equal(ours(), expected)
    np.testing.assert_array_equal(baseline(), expected)
    pairs = [(timeit(baseline, number=1), timeit(ours, number=repeats) / repeats) for _ in range(ROUNDS)]
    return median(one for one, _ in pairs) * 1000, median(other for _, other in pairs) * 1000


if __name__ == "__main__":
    main()
