"""Submitting and collecting: the messages in the queue, and their answers."""

from __future__ import annotations

import numpy as np
import pytest

from mme.client import InvalidRequestError, MultiModelClient
from mme.client.asynchronous import AsyncResult, Submission
from mme.client.codec import decode_reply, encode_request

INPUTS = {"X": np.arange(3, dtype=np.float32)}


class Queue:
    """Keeps what it is given; answers with `answer`."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, str, str | None]] = []
        self.answer = AsyncResult("i", b"", "", "", "")
        self.waits: list[float] = []

    def submit(
        self, target_model: str, body: bytes, *, content_type: str, inference_id: str | None
    ) -> Submission:
        self.sent.append((target_model, body, content_type, inference_id))
        return Submission(inference_id or "new", "s3://b/in", "s3://b/out", "s3://b/failure")

    def result(self, inference_id: str, *, wait_seconds: float) -> AsyncResult:
        self.waits.append(wait_seconds)
        return self.answer


class Aliases:
    def resolve(self, alias: str) -> str:
        return alias.replace("@prod", "_v7.tar.gz")


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def client(service, queue: Queue) -> MultiModelClient:
    from mme.client import runtime_client

    runtime = runtime_client(endpoint_url=service.url, region_name="us-east-1")
    return MultiModelClient("ep", runtime, aliases=Aliases(), queue=queue)  # type: ignore[arg-type]


def test_tensors_are_sent_as_infer_sends_them(client: MultiModelClient, queue: Queue) -> None:
    sent = client.submit("x_v0.tar.gz", INPUTS, outputs=["Y"], parameters={"top": 3}, inference_id="i")
    expected = encode_request(INPUTS, outputs=["Y"], parameters={"top": 3})
    assert queue.sent == [("x_v0.tar.gz", expected.body, expected.content_type, "i")]
    assert sent.output_location == "s3://b/out"


def test_an_alias_is_resolved_when_it_is_sent(client: MultiModelClient, queue: Queue) -> None:
    client.submit("x@prod", INPUTS)
    assert queue.sent[0][0] == "x_v7.tar.gz"
    assert queue.sent[0][3] is None


def test_an_answer_comes_back_as_arrays(client: MultiModelClient, queue: Queue) -> None:
    header = b'{"outputs":[{"name":"Y","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}}]}'
    content_type = f"application/vnd.sagemaker-triton.binary+json;json-header-size={len(header)}"
    body = header + np.array([1, 2], np.float32).tobytes()
    queue.answer = AsyncResult("i", body, content_type, "", "s3://b/out")
    answer = client.collect("i", wait_seconds=5)
    np.testing.assert_array_equal(answer["Y"], decode_reply(body, content_type)["Y"])
    np.testing.assert_array_equal(answer["Y"], [1, 2])
    assert queue.waits == [5]


def test_submitting_without_a_queue_is_an_error(service) -> None:
    from mme.client import runtime_client

    client = MultiModelClient("ep", runtime_client(endpoint_url=service.url, region_name="us-east-1"))
    with pytest.raises(InvalidRequestError, match="this client has no queue for endpoint ep"):
        client.submit("x_v0.tar.gz", INPUTS)
    with pytest.raises(InvalidRequestError, match=r"queue=AsyncQueue.of_stack"):
        client.collect("i")
