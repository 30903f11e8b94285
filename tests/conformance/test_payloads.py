"""Payloads: JSON, Triton's binary form, and malformed ones."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from botocore.exceptions import ClientError

from mme.catalog.limits import PAYLOAD_MAX_BYTES
from tests.conformance import models
from tests.conformance.case import FORMAT, Triton, case
from tests.conformance.local_runtime import TARGET_MODEL, LocalRuntime, send_chunks
from tests.conformance.target import BINARY, JSON, MMS, Target, binary_request, request, split_binary

RANGE = np.arange(16, dtype=np.int32)
BOTH = {"OUTPUT0": True, "OUTPUT1": True}
NEITHER = {"OUTPUT0": False, "OUTPUT1": False}


@pytest.fixture(scope="module")
def add_sub(asked: Any) -> str:
    model: str = asked.target.publish("add-sub", models.ADD_SUB)
    return model


def binary(outputs: dict[str, bool]) -> tuple[bytes, int]:
    data = RANGE.tobytes()
    return binary_request(outputs, dict.fromkeys(("INPUT0", "INPUT1"), ("INT32", 16, data)))


def in_json(outputs: dict[str, bool]) -> bytes:
    return request(outputs, INPUT0=("INT32", RANGE.tolist()), INPUT1=("INT32", RANGE.tolist()))


def check_binary(tensors: dict[str, bytes]) -> None:
    assert np.array_equal(np.frombuffer(tensors["OUTPUT0"], np.int32), RANGE * 2)
    assert np.array_equal(np.frombuffer(tensors["OUTPUT1"], np.int32), RANGE * 0)


@case("tensors go in and come out as JSON", triton_only=FORMAT)
def test_json(target: Target, add_sub: str) -> None:
    answer = target.invoke(add_sub, in_json(NEITHER))
    assert answer.tensor("OUTPUT0") == (RANGE * 2).tolist()
    assert answer.tensor("OUTPUT1") == [0] * 16


@case("tensors go in and come out as bytes behind a JSON header", triton_only=FORMAT)
def test_binary_in_and_out(target: Target, add_sub: str) -> None:
    body, size = binary(BOTH)
    check_binary(split_binary(target.invoke(add_sub, body, f"{BINARY}{size}")))


@case("bytes in, JSON out", triton_only=FORMAT)
def test_binary_in(target: Target, add_sub: str) -> None:
    body, size = binary(NEITHER)
    answer = target.invoke(add_sub, body, f"{BINARY}{size}")
    assert answer.content_type == JSON
    assert answer.tensor("OUTPUT0") == (RANGE * 2).tolist()


@case("JSON in, bytes out", triton_only=FORMAT)
def test_binary_out(target: Target, add_sub: str) -> None:
    check_binary(split_binary(target.invoke(add_sub, in_json(BOTH))))


@case("strings go in and come out, as JSON and as bytes", triton_only=FORMAT)
def test_texts(target: Target) -> None:
    model = target.publish("text", models.TEXT)
    assert target.invoke(model, request(X=("BYTES", ["ä", ""]))).tensor("Y") == ["ä!", "!"]
    word = "ä".encode()
    encoded = len(word).to_bytes(4, "little") + word
    body, size = binary_request({"Y": True}, {"X": ("BYTES", 1, encoded)})
    (answer,) = split_binary(target.invoke(model, body, f"{BINARY}{size}")).values()
    assert answer == (3).to_bytes(4, "little") + word + b"!"


@case("another content type is read as JSON", triton_only=FORMAT)
def test_other_content_type(target: Target, add_sub: str) -> None:
    answer = target.invoke(add_sub, in_json(NEITHER), "application/octet-stream")
    assert answer.tensor("OUTPUT0") == (RANGE * 2).tolist()


def check_malformed(target: Target, model: str, content_type: str) -> None:
    """The container refuses it with 400, and goes on to answer."""
    body, size = binary(NEITHER)
    with pytest.raises(target.exceptions.ModelError) as caught:
        target.invoke(model, body, content_type.replace("SIZE", str(size)))
    assert caught.value.response["OriginalStatusCode"] == 400
    assert target.invoke(model, in_json(NEITHER)).tensor("OUTPUT1") == [0] * 16


@case("a binary content type with something before it is refused", triton_only=FORMAT)
def test_malformed_beginning(target: Target, add_sub: str) -> None:
    check_malformed(target, add_sub, f"additional-string/{BINARY}SIZE")


@case("a JSON header's size that is not a number is refused", triton_only=FORMAT)
def test_malformed_no_number(target: Target, add_sub: str) -> None:
    check_malformed(target, add_sub, f"{BINARY}additional-stringSIZE")


@case("a JSON header's size below zero is refused", triton_only=FORMAT)
def test_malformed_negative(target: Target, add_sub: str) -> None:
    check_malformed(target, add_sub, f"{BINARY}-123")


@case("a JSON header's size beyond the body is refused", triton_only=FORMAT)
def test_malformed_too_large(target: Target, add_sub: str) -> None:
    check_malformed(target, add_sub, f"{BINARY}12345")


# 2.70 began to parse it by std::stoi, whose out_of_range was not caught before server pull request 8925.
OUT_OF_RANGE = Triton(broken=("2.70.0", "2.73.0"), why="it ends the server there")


@case("a JSON header's size above the largest integer is refused", triton=OUT_OF_RANGE, triton_only=FORMAT)
def test_malformed_out_of_range(target: Target, add_sub: str) -> None:
    check_malformed(target, add_sub, f"{BINARY}99999999999999999999")


@case("5 MB go in and come out whole")
def test_large(target: Target) -> None:
    numbers = np.random.default_rng(7).random(1_310_720, np.float32).tobytes()
    model = target.publish("large", target.models.IDENTITY)
    if target.container == MMS:
        assert target.invoke(model, numbers, "application/octet-stream").body == numbers
        return
    body, size = binary_request({"Y": True}, {"X": ("FP32", len(numbers) // 4, numbers)})
    assert split_binary(target.invoke(model, body, f"{BINARY}{size}"))["Y"] == numbers


@case("a body over 25 MB is refused by the service")
def test_too_large(target: Target, double: str) -> None:
    with pytest.raises(ClientError) as caught:
        target.invoke(double, b" " * (PAYLOAD_MAX_BYTES + 1))
    assert 400 <= caught.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    assert caught.value.response["Error"]["Code"] != "ModelError", "the container was not asked"


@case(
    "a body that comes in thousands of chunks is answered",
    local_only="boto3 sends no chunks",
)
def test_many_chunks(target: Target, double: str, local: LocalRuntime) -> None:
    url = urlsplit(local.state.url)
    reply = send_chunks(
        url.port or 80,
        f"/endpoints/{target.endpoint}/invocations",
        {"Content-Type": JSON, TARGET_MODEL: double},
        request(X=("FP32", [4])) + b" " * 5000,
    )
    assert reply.status == 200, reply.body
    assert reply.json["outputs"][0]["data"] == [8]
