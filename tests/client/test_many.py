"""Many calls at once, and warming, through the real boto3 against a service on localhost."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from botocore.exceptions import NoCredentialsError

from mme.archives.signature import TensorSignature, TensorSpec
from mme.client import (
    Call,
    InvalidRequestError,
    LoadRetry,
    ModelFailedError,
    ModelLoadError,
    ModelNotReadyError,
    Outcome,
    TensorError,
    UnhealthyModelError,
    UnknownModelError,
)
from mme.client.warming import example_inputs

from .conftest import Answer, Service, failure

LIMIT = 20.0


def number_of(target: str) -> int:
    return int(target.partition("_v")[0].removeprefix("m"))


def answer_of(number: float) -> Answer:
    output = {"name": "Y", "datatype": "FP32", "shape": [1], "data": [number]}
    return Answer(200, json.dumps({"outputs": [output]}).encode(), {"Content-Type": "application/json"})


def calls(count: int) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    for number in range(count):
        yield f"m{number}_v0.tar.gz", {"X": np.zeros(1, np.float32)}


class Crowd:
    """Answers when this many requests are in flight, and records the maximum."""

    def __init__(self, size: int) -> None:
        self._barrier = threading.Barrier(size)
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __call__(self, target: str, _: bytes) -> Answer:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._barrier.wait(LIMIT)
        with self._lock:
            self._now -= 1
        return answer_of(number_of(target))


def test_calls_are_concurrent_up_to_the_limit(service: Service, make_client) -> None:
    crowd = service.respond = Crowd(4)
    outcomes = list(make_client().infer_many(calls(20), concurrency=4))
    assert [outcome.result()["Y"][0] for outcome in outcomes] == list(range(20))
    assert [outcome.index for outcome in outcomes] == list(range(20))
    assert crowd.most == 4
    assert all(outcome.seconds > 0 for outcome in outcomes)


@pytest.mark.parametrize("ordered", [True, False])
def test_progress_and_order(service: Service, make_client, ordered: bool) -> None:
    others = threading.Event()

    def respond(target: str, _: bytes) -> Answer:
        if number_of(target) == 0:
            assert others.wait(LIMIT)
        return answer_of(0)

    def progress(outcome: Outcome) -> None:
        ended.append(outcome.index)
        if len(ended) == 5:
            others.set()

    service.respond = respond
    ended: list[int] = []
    outcomes = make_client().infer_many(calls(6), concurrency=2, ordered=ordered, progress=progress)
    expected = [1, 2, 3, 4, 5, 0]
    assert [outcome.index for outcome in outcomes] == (sorted(expected) if ordered else expected)
    assert ended == expected


def test_an_error_affects_one_call(service: Service, make_client) -> None:
    def respond(target: str, _: bytes) -> Answer:
        if number_of(target) == 1:
            return failure(
                400, "ValidationError", "Failed to download model data(bucket: b, key: m1_v0.tar.gz)"
            )
        return answer_of(1)

    service.respond = respond
    bad = Call("m2_v0.tar.gz", {"X": np.array([1j])})
    outcomes = list(make_client().infer_many([*calls(2), bad]))
    assert [type(outcome.error) for outcome in outcomes] == [type(None), UnknownModelError, TensorError]
    assert outcomes[1].outputs is None
    with pytest.raises(UnknownModelError, match=r"s3://b/m1_v0\.tar\.gz does not exist"):
        outcomes[1].result()


def test_missing_credentials_are_raised(service: Service, make_client) -> None:
    client = make_client()

    def refuse(**_: object) -> None:
        raise NoCredentialsError

    client._client.meta.events.register("before-send", refuse)
    with pytest.raises(NoCredentialsError):
        list(client.infer_many(calls(3)))


def test_calls_are_taken_lazily(service: Service, make_client) -> None:
    service.respond = lambda *_: answer_of(1)
    taken: list[int] = []

    def endless() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for number in range(10**9):
            taken.append(number)
            yield "m0_v0.tar.gz", {"X": np.zeros(1, np.float32)}

    outcomes = make_client().infer_many(endless(), concurrency=2)
    assert taken == []
    for _ in range(5):
        next(outcomes)
    assert len(taken) <= 5 + 8
    outcomes.close()  # type: ignore[attr-defined]


def test_an_interrupt_ends_the_retries(service: Service, make_client) -> None:
    service.answers = [failure(429, "ModelNotReadyException", "loading")]
    waiting = threading.Event()
    client = make_client(load_retry=LoadRetry(first=600, longest=600, timeout=3600))
    before = threading.active_count()

    def some() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        yield from calls(2)
        waiting.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(client.infer_many(some(), concurrency=2))
    assert waiting.is_set()
    workers = [thread for thread in threading.enumerate() if thread.name.startswith("mme-call")]
    for thread in workers:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert threading.active_count() <= before + 2  # the service's own


@pytest.mark.parametrize("concurrency", [0, -1, 3])
def test_concurrency_is_what_the_connections_allow(make_client, concurrency: int) -> None:
    client = make_client(connections=2)
    with pytest.raises(InvalidRequestError, match="this client has 2"):
        client.infer_many([], concurrency=concurrency)
    with pytest.raises(InvalidRequestError):
        client.warm([], concurrency=concurrency)
    assert list(client.infer_many([], concurrency=2)) == []


REFUSED = failure(
    424,
    "ModelError",
    "x",
    OriginalStatusCode=400,
    OriginalMessage='{"error":"expected 2 inputs but got 0 inputs"}',
)
BROKEN = failure(
    424,
    "ModelError",
    "x",
    OriginalStatusCode=400,
    OriginalMessage='{"error":"load failed for model \'m\': boom"}',
)
DEAD = failure(
    424,
    "ModelError",
    "x",
    OriginalStatusCode=400,
    OriginalMessage='{"error":"Stub process \'m_0\' is not healthy."}',
)
UNCLEAR = failure(424, "ModelError", "x", OriginalStatusCode=500, OriginalMessage="Internal Server Error")


def test_a_refused_probe_means_loaded(service: Service, make_client) -> None:
    answers = {0: REFUSED, 1: BROKEN, 2: answer_of(1), 3: UNCLEAR, 4: DEAD}
    service.respond = lambda target, _: answers[number_of(target)]
    progress: list[str] = []
    warmed = {
        one.model: one
        for one in make_client().warm(
            [f"m{number}_v0.tar.gz" for number in answers], progress=lambda one: progress.append(one.model)
        )
    }
    loaded = [warmed[f"m{number}_v0.tar.gz"].loaded for number in answers]
    assert loaded == [True, False, True, False, False]
    assert warmed["m0_v0.tar.gz"].error is None
    assert isinstance(warmed["m1_v0.tar.gz"].error, ModelLoadError)
    assert type(warmed["m3_v0.tar.gz"].error) is ModelFailedError
    assert isinstance(warmed["m4_v0.tar.gz"].error, UnhealthyModelError)
    assert sorted(progress) == sorted(warmed)
    assert {body for _, _, body in service.requests} == {b'{"inputs": []}'}


def test_warm_with_inputs_of_the_model(service: Service, make_client) -> None:
    service.respond = lambda *_: answer_of(1)
    signature = TensorSignature(
        inputs=(TensorSpec("X", "FP32", (-1, 2)), TensorSpec("S", "BYTES", (1,))), max_batch_size=4
    )
    (one,) = make_client().warm(["m_v0.tar.gz"], inputs=lambda _: example_inputs(signature))
    assert one.loaded
    ((_, headers, body),) = service.requests
    size = int(headers["content-type"].rpartition("=")[2])
    sent = json.loads(body[:size])["inputs"]
    assert [(one["name"], one["datatype"], one["shape"]) for one in sent] == [
        ("X", "FP32", [1, 1, 2]),
        ("S", "BYTES", [1, 1]),
    ]


def test_warm_waits_for_loads(service: Service, make_client) -> None:
    service.answers = [failure(429, "ModelNotReadyException", "loading"), REFUSED]
    (one,) = make_client(load_retry=LoadRetry(first=0.001)).warm(["m_v0.tar.gz"])
    assert one.loaded
    service.answers = [failure(429, "ModelNotReadyException", "loading")]
    (one,) = make_client(load_retry=LoadRetry(first=0.001, timeout=0.01)).warm(["m_v0.tar.gz"])
    assert not one.loaded
    assert isinstance(one.error, ModelNotReadyError)


def test_undeclared_inputs_have_no_example() -> None:
    assert example_inputs(TensorSignature()) is None
