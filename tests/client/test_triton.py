"""The client against real Triton on the local endpoint: round trips and errors."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from mme.client import (
    BadInputError,
    Call,
    InvocationError,
    ModelCodeError,
    ModelFailedError,
    ModelLoadError,
    ModelOutOfMemoryError,
    MultiModelClient,
    UnhealthyModelError,
    UnknownEndpointError,
    UnknownModelError,
    encode_request,
)
from tests.client.test_codec import SPELLED_RIGHT, SPELLED_WRONG
from tests.mme_local.deployed import Endpoint, a_runtime

pytestmark = [pytest.mark.slow, pytest.mark.triton]

CONFIG = """
backend: "python"
max_batch_size: {batch}
input [{{ name: "X" data_type: TYPE_FP32 dims: [2] }}]
output [{{ name: "Y" data_type: TYPE_FP32 dims: [2] }}, {{ name: "Z" data_type: TYPE_STRING dims: [1] }}]
{more}
"""
MODEL = """import json, os
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        {load}

    def execute(self, requests):
        answers = []
        for request in requests:
            x = pb_utils.get_input_tensor_by_name(request, "X")
            {call}
            said = np.array([request.parameters()], dtype=object)
            answers.append(pb_utils.InferenceResponse([x_out(x), pb_utils.Tensor("Z", said)]))
        return answers

def x_out(x):
    return pb_utils.Tensor("Y", x.as_numpy())
"""
LOAD_LINE, CALL_LINE = 7, 13


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with a_runtime(load_seconds=60) as runtime:
        yield Endpoint(runtime)


@pytest.fixture(scope="module")
def client(endpoint: Endpoint) -> MultiModelClient:
    return MultiModelClient(endpoint.name, endpoint.calls)


@pytest.fixture
def publish(endpoint: Endpoint) -> Callable[..., str]:
    def publish(
        *,
        load: str = "pass",
        call: str = "pass",
        batch: int = 0,
        more: str = "",
        files: dict[str, str | bytes] | None = None,
        to: Endpoint = endpoint,
    ) -> str:
        name = f"m{next(_numbers)}_v0.tar.gz"
        config = CONFIG.format(batch=batch, more=more)
        to.publish(name, files or {"config.pbtxt": config, "1/model.py": MODEL.format(load=load, call=call)})
        return name

    return publish


_numbers = itertools.count()
X = {"X": np.array([1, 2], np.float32)}

ARRAYS = {
    "BOOL": np.array([True, False]),
    "UINT8": np.array([0, 255], np.uint8),
    "UINT16": np.array([0, 65535], np.uint16),
    "UINT32": np.array([0, 2**32 - 1], np.uint32),
    "UINT64": np.array([0, 2**64 - 1], np.uint64),
    "INT8": np.array([-128, 127], np.int8),
    "INT16": np.array([-32768, 32767], np.int16),
    "INT32": np.array([-(2**31), 2**31 - 1], np.int32),
    "INT64": np.array([-(2**63), 2**63 - 1], np.int64),
    "FP16": np.array([-65504, 6e-8], np.float16),
    "FP32": np.array([3.4e38, np.nan], np.float32),
    "FP64": np.array([np.inf, 1e-308]),
    "STRING": np.array(["hé".encode(), b"\x00\xff"], dtype=object),
}


ECHO = """import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor("Y" + tensor.name(), tensor.as_numpy()) for tensor in request.inputs()]
            )
            for request in requests
        ]
"""


def test_every_type_round_trips(client, publish) -> None:
    tensors = {
        kind: ", ".join(f'{{ name: "{prefix}{name}" data_type: TYPE_{name} dims: [2] }}' for name in ARRAYS)
        for kind, prefix in (("input", ""), ("output", "Y"))
    }
    config = f'backend: "python"\ninput [{tensors["input"]}]\noutput [{tensors["output"]}]\n'
    answer = client.infer(publish(files={"config.pbtxt": config, "1/model.py": ECHO}), ARRAYS)
    assert sorted(answer) == sorted(f"Y{name}" for name in ARRAYS)
    for name, array in ARRAYS.items():
        assert answer[f"Y{name}"].dtype == array.dtype
        np.testing.assert_array_equal(answer[f"Y{name}"], array)


@pytest.fixture(scope="module")
def identity(endpoint: Endpoint) -> str:
    name, config = "identity_v0.tar.gz", CONFIG.format(batch=0, more="")
    endpoint.publish(name, {"config.pbtxt": config, "1/model.py": MODEL.format(load="pass", call="pass")})
    return name


@pytest.mark.parametrize("spelled", [*SPELLED_RIGHT, *SPELLED_WRONG])
def test_triton_reads_the_spellings_that_the_client_sends(endpoint, identity, spelled: str) -> None:
    request = encode_request(X)
    content_type = spelled.format(request.content_type.rpartition("=")[2])
    call = {"EndpointName": endpoint.name, "TargetModel": identity, "Body": request.body}
    if spelled in SPELLED_RIGHT:
        assert endpoint.calls.invoke_endpoint(**call, ContentType=content_type)["Body"].read()
    else:
        with pytest.raises(endpoint.calls.exceptions.ModelError, match="unexpected size for input"):
            endpoint.calls.invoke_endpoint(**call, ContentType=content_type)


def test_request_parameters_reach_the_model(client, publish) -> None:
    answer = client.infer(publish(), X, parameters={"mode": "fast", "top": 3})
    assert set(answer) == {"Y", "Z"}
    assert answer["Z"][0] == b'{"mode":"fast","top":3}'


def failing(client: MultiModelClient, model: str, **arguments: object) -> InvocationError:
    with pytest.raises(InvocationError) as caught:
        client.infer(model, **({"inputs": X} | arguments))  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"inputs": {"X": np.zeros(3, np.float32)}}, "input X has shape [3]; the model expects [2]"),
        ({"inputs": {"X": np.zeros(2, np.int64)}}, "input X is INT64; the model expects FP32"),
        ({"inputs": {"Q": np.zeros(2, np.float32)}}, "the model has no input Q"),
        ({"inputs": {**X, "Q": np.zeros(2, np.float32)}}, "the model has 1 inputs; the request has 2"),
        ({"outputs": ["Q"]}, "the model has no output Q"),
    ],
)
def test_requests_that_do_not_fit(client, publish, arguments: dict[str, object], cause: str) -> None:
    error = failing(client, publish(), **arguments)
    assert type(error) is BadInputError
    assert error.cause == cause
    assert not error.at_load


def test_batches_that_do_not_fit(client, publish) -> None:
    model = publish(batch=2)
    error = failing(client, model)
    assert error.cause == "input X has shape [2]; the model expects [-1,2]"
    assert "numpy.newaxis" in (error.hint or "")
    error = failing(client, model, inputs={"X": np.zeros((4, 2), np.float32)})
    assert error.cause == "the batch is too large: the model accepts at most 2"
    with pytest.raises(BadInputError, match="neither KServe v2 JSON"):
        client.invoke(model, b"1,2\n", content_type="text/csv")


def test_exception_while_loading(client, publish) -> None:
    error = failing(client, publish(load="1 / 0"))
    assert isinstance(error, ModelLoadError)
    assert error.cause == f"ZeroDivisionError: division by zero (1/model.py line {LOAD_LINE})"
    assert (error.file, error.line, error.at_load) == ("1/model.py", LOAD_LINE, True)
    assert "At:" in error.original


def test_module_that_is_missing(client, publish) -> None:
    error = failing(client, publish(load="import nosuchmodule"))
    assert error.cause == f"ModuleNotFoundError: No module named 'nosuchmodule' (1/model.py line {LOAD_LINE})"


def test_exception_in_execute(client, publish) -> None:
    model = publish(call="raise ValueError('two\\nlines')")
    error = failing(client, model)
    assert isinstance(error, ModelCodeError)
    assert (
        error.message
        == f"{model} failed in its own code: ValueError: two lines (1/model.py line {CALL_LINE})"
    )
    assert error.original_status == 400


def test_words_of_the_model_itself(client, publish) -> None:
    error = failing(
        client,
        publish(
            call="answers.append(pb_utils.InferenceResponse([], pb_utils.TritonError('not today'))); continue"
        ),
    )
    assert type(error) is ModelFailedError
    assert error.cause == "not today"


def test_crash_of_the_model_s_process(client, publish) -> None:
    model = publish(call="os._exit(3)")
    for _ in range(2):  # it does not come back by itself
        error = failing(client, model)
        assert isinstance(error, UnhealthyModelError)
        assert not error.at_load
    error = failing(client, publish(load="os._exit(3)"))
    assert isinstance(error, UnhealthyModelError)
    assert error.at_load


def test_out_of_memory_that_becomes_a_507_and_one_that_does_not(endpoint, publish) -> None:
    # On an endpoint of its own: a 507 unloads whatever else is there.
    own = Endpoint(endpoint.runtime)
    client = MultiModelClient(own.name, own.calls)
    reported = publish(load="raise RuntimeError('CUDA out of memory. Tried to allocate 2 GiB')", to=own)
    error = failing(client, reported)
    assert isinstance(error, ModelOutOfMemoryError)
    assert (error.became_507, error.at_load) == (True, True)
    error = failing(client, publish(load="raise RuntimeError('std::bad_alloc')", to=own))
    assert isinstance(error, ModelOutOfMemoryError)
    assert (error.became_507, error.at_load) == (False, True)
    own.delete()


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        (
            {"1/model.py": "x = 1"},
            "its config.pbtxt can't be read: failed to open text file for read 1/config.pbtxt: "
            "No such file or directory",
        ),
        (
            {"config.pbtxt": CONFIG.format(batch=0, more="")},
            "it has no version directory such as 1/",
        ),
    ],
)
def test_archives_that_triton_can_not_load(
    client, publish, files: dict[str, str | bytes], cause: str
) -> None:
    error = failing(client, publish(files=files))
    assert isinstance(error, ModelLoadError)
    assert error.cause == cause


def test_configurations_that_can_not_be_served(client, publish) -> None:
    error = failing(client, publish(more="instance_group [{ kind: KIND_GPU }]"))
    assert error.cause == "its instance_group requires a GPU; the instance has none"
    error = failing(client, publish(more="model_transaction_policy { decoupled: true }"))
    assert error.cause == "it is decoupled; SageMaker supports only models that answer once"


def test_unknown_model_and_endpoint(client, endpoint) -> None:
    error = failing(client, "absent_v0.tar.gz")
    assert isinstance(error, UnknownModelError)
    assert error.cause.startswith(f"s3://{endpoint.bucket}/models/absent_v0.tar.gz does not exist")
    assert isinstance(failing(MultiModelClient("nowhere", endpoint.calls), "x.tar.gz"), UnknownEndpointError)


def test_warming_loads_without_calling(client, endpoint, publish) -> None:
    model = publish(call="os._exit(3)")
    broken = publish(load="1 / 0")
    warmed = {one.model: one for one in client.warm([model, broken])}
    assert (warmed[model].loaded, warmed[broken].loaded) == (True, False)
    assert model in [one["name"] for one in endpoint.instance()["models"]]


def test_many_calls_to_many_models(client, publish) -> None:
    models = [publish() for _ in range(3)]
    calls = [Call(models[n % 3], {"X": np.array([n, -n], np.float32)}, outputs=["Y"]) for n in range(60)]
    outcomes = list(client.infer_many(calls, concurrency=6))
    assert [outcome.result()["Y"].tolist() for outcome in outcomes] == [[n, -n] for n in range(60)]
