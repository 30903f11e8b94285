"""Recorded errors of real containers, with cause and hint."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.client.container_fault import FaultKind, container_message, read_fault

PLACE = "/opt/ml/models/37684ba45d370a8732c93b55abace01d"
LOAD = f"load failed for model '{PLACE}::m_v0.tar.gz': "
DOWN = f"{LOAD}version 1 is at UNAVAILABLE state: "
EXECUTE = "Failed to process the request(s) for model 'm_v0.tar.gz_0', message: "
ID = "[request id: <id_unknown>] "

# Triton 2.51's messages, with kind, cause and words of the hint.
TRITON = {
    "exception in initialize": (
        f"{DOWN}Internal: ZeroDivisionError: division by zero\n\nAt:\n"
        f"  {PLACE}/model/1/model.py(7): initialize\n;\n",
        FaultKind.LOAD,
        "ZeroDivisionError: division by zero (1/model.py line 7)",
        "fix 1/model.py",
    ),
    "missing module": (
        f"{DOWN}Internal: ModuleNotFoundError: No module named 'nosuchmodule'\n\nAt:\n"
        f"  {PLACE}/model/1/model.py(4): <module>\n"
        "  <frozen importlib._bootstrap>(241): _call_with_frames_removed\n"
        "  <frozen importlib._bootstrap_external>(940): exec_module\n;\n",
        FaultKind.LOAD,
        "ModuleNotFoundError: No module named 'nosuchmodule' (1/model.py line 4)",
        "pack an environment that has nosuchmodule and name it in EXECUTION_ENV_PATH (Triton), or correct "
        "1/model.py, and publish it again: mme models add PATH",
    ),
    "a Python without a module of its own": (
        f"{DOWN}Internal: ModuleNotFoundError: No module named '_struct'\n\nAt:\n"
        f"  {PLACE}/model/1/model.py(4): <module>\n;\n",
        FaultKind.LOAD,
        "its Python has no _struct, a part of the standard library",
        "the model is right",
    ),
    "syntax error": (
        f"{DOWN}Internal: SyntaxError: invalid syntax (model.py, line 4);\n",
        FaultKind.LOAD,
        "SyntaxError: invalid syntax (model.py, line 4)",
        "fix model.py",
    ),
    "weights that are none": (
        f"{DOWN}Internal: InvalidProtobuf: [ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from "
        f"{PLACE}/model/1/model.onnx failed:Protobuf parsing failed.;\n",
        FaultKind.LOAD,
        "InvalidProtobuf: [ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from 1/model.onnx failed:"
        "Protobuf parsing failed.",
        "mme archives explain",
    ),
    "no config": (
        "failed to load 'm_v0.tar.gz', failed to poll from model repository",
        FaultKind.LOAD,
        "its config.pbtxt is missing or can't be read",
        "mme archives explain",
    ),
    "a config with a reason": (
        "failed to load 'm_v0.tar.gz', failed to poll from model repository: 2:43: Unknown enumeration value",
        FaultKind.LOAD,
        "its config.pbtxt can't be read: 2:43: Unknown enumeration value",
        "mme archives explain",
    ),
    "no version": (
        f"{LOAD}at least one version must be available under the version policy of model 'm_v0.tar.gz'\n",
        FaultKind.LOAD,
        "it has no version directory such as 1/",
        "mme archives explain",
    ),
    "unknown backend": (
        f"{DOWN}Invalid argument: unable to find backend library for backend 'tensorrt', try specifying "
        "runtime on the model configuration.;\n",
        FaultKind.LOAD,
        "the container has no backend tensorrt",
        "use an image that has it; the local endpoint has python, onnxruntime and, with torch",
    ),
    "no GPU": (
        f"{DOWN}Invalid argument: instance group m_v0.tar.gz_0 of model m_v0.tar.gz has kind KIND_GPU but "
        "no GPUs are available;\n",
        FaultKind.LOAD,
        "its instance_group requires a GPU; the instance has none",
        "KIND_CPU",
    ),
    "decoupled": (
        "HTTP end point doesn't support models with decoupled transaction policy",
        FaultKind.LOAD,
        "it is decoupled; SageMaker supports only models that answer once",
        "model_transaction_policy",
    ),
    "crash": (
        "Stub process 'm_v0.tar.gz_0' is not healthy.",
        FaultKind.UNHEALTHY,
        "the process that runs it has ended",
        "mme endpoint logs",
    ),
    "an empty body": (
        "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'm' model "
        "configuration",
        FaultKind.INPUT,
        "it is neither KServe v2 JSON nor Triton's binary form, nor a raw request: those are "
        "for models with one input",
        "send tensors with infer()",
    ),
    "the whole container crashed": (
        "the container ended while it answered and is started again: Connection reset by peer",
        FaultKind.UNHEALTHY,
        "its container ended during the request and restarts",
        "retry",
    ),
    "exception in execute": (
        f"{EXECUTE}IndexError: list index out of range\n\nAt:\n  {PLACE}/model/1/model.py(5): helper\n"
        f"  {PLACE}/model/1/model.py(15): execute\n",
        FaultKind.CODE,
        "IndexError: list index out of range (1/model.py line 5)",
        "fix 1/model.py",
    ),
    "exception deep in a library": (
        f"{EXECUTE}RuntimeError: bad\n\nAt:\n  /usr/lib/python3/dist-packages/lib/x.py(3): f\n"
        f"  {PLACE}/model/1/parts/y.py(8): g\n  {PLACE}/model/1/model.py(15): execute\n",
        FaultKind.CODE,
        "RuntimeError: bad (1/parts/y.py line 8)",
        "fix 1/parts/y.py",
    ),
    "wrong number of responses": (
        f"{EXECUTE}Number of InferenceResponse objects do not match the number of InferenceRequest objects. "
        "InferenceRequest(s) size is:1, and InferenceResponse(s) size is:0\n",
        FaultKind.OTHER,
        "Number of InferenceResponse objects do not match the number of InferenceRequest objects. "
        "InferenceRequest(s) size is:1, and InferenceResponse(s) size is:0",
        None,
    ),
    "shape": (
        f"{ID}unexpected shape for input 'X' for model 'm_v0.tar.gz'. Expected [2], got [3]. ",
        FaultKind.INPUT,
        "input X has shape [3]; the model expects [2]",
        None,
    ),
    "no batch dimension": (
        f"{ID}unexpected shape for input 'X' for model 'm_v0.tar.gz'. Expected [-1,2], got [2]. NOTE: "
        "Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended.",
        FaultKind.INPUT,
        "input X has shape [2]; the model expects [-1,2]",
        "numpy.newaxis",
    ),
    "batch": (
        f"{ID}inference request batch-size must be <= 2 for 'm_v0.tar.gz'",
        FaultKind.INPUT,
        "the batch is too large: the model accepts at most 2",
        "2 items at a time",
    ),
    "type": (
        f"{ID}inference input 'X' data-type is 'INT64', but model 'm_v0.tar.gz' expects 'FP32'",
        FaultKind.INPUT,
        "input X is INT64; the model expects FP32",
        "--input X:FP32=",
    ),
    "unknown input": (
        "unexpected inference input 'Z' for model 'm_v0.tar.gz'",
        FaultKind.INPUT,
        "the model has no input Z",
        None,
    ),
    "unknown output": (
        "unexpected inference output 'Q' for model 'm_v0.tar.gz'",
        FaultKind.INPUT,
        "the model has no output Q",
        None,
    ),
    "missing input": (
        f"{ID}expected 2 inputs but got 1 inputs for model 'm_v0.tar.gz'. Got input(s) ['INPUT0'], but "
        "missing required input(s) ['INPUT1']. Please provide all required input(s).",
        FaultKind.INPUT,
        "input INPUT1 is missing",
        None,
    ),
    "too many inputs": (
        f"{ID}expected 1 inputs but got 2 inputs for model 'm_v0.tar.gz'. Got input(s) ['Z','X'], but "
        "missing required input(s) ]. Please provide all required input(s).",
        FaultKind.INPUT,
        "the model has 1 inputs; the request has 2",
        None,
    ),
    "cut short": (
        "unexpected size for input 'X', expecting 4 additional bytes for model 'm_v0.tar.gz'",
        FaultKind.INPUT,
        "the request's size does not match its header",
        None,
    ),
    "no JSON": (
        "failed to parse the request JSON buffer: The document root must not be followed by other "
        "values. at 1",
        FaultKind.INPUT,
        "it is neither KServe v2 JSON nor Triton's binary form: failed to parse the request JSON buffer: The "
        "document root must not be followed by other values. at 1",
        "infer()",
    ),
}


@pytest.mark.parametrize(("words", "kind", "cause", "hint"), TRITON.values(), ids=TRITON)
def test_triton(words: str, kind: FaultKind, cause: str, hint: str | None) -> None:
    fault = read_fault(json.dumps({"error": words}), 400)
    assert (fault.kind, fault.cause) == (kind, cause)
    assert (fault.hint is None) if hint is None else (hint in (fault.hint or ""))
    assert fault.at_load is (kind is FaultKind.LOAD or words.startswith(LOAD))


def test_the_location_is_a_separate_field() -> None:
    fault = read_fault(TRITON["exception in execute"][0], 400)
    assert (fault.file, fault.line) == ("1/model.py", 5)


CUDA = "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB"
NUMPY = "Unable to allocate 728. TiB for an array with shape (10000000, 10000000) and data type float64"


@pytest.mark.parametrize(
    ("words", "status", "at_load", "hint"),
    [
        (
            f"{DOWN}Internal: {CUDA}\n\nAt:\n  {PLACE}/model/1/model.py(7): initialize\n;\n",
            507,
            True,
            "unloaded",
        ),
        (f"{EXECUTE}{CUDA}\n\nAt:\n  {PLACE}/model/1/model.py(7): execute\n", 507, False, "smaller batch"),
        (f"{EXECUTE}{NUMPY}\n\nAt:\n  {PLACE}/model/1/model.py(7): execute\n", 400, False, "instead of 507"),
        ("std::bad_alloc", 500, False, "answered 500 instead of 507"),
        (
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes",
            400,
            False,
            "instead of 507",
        ),
        (
            'Traceback (most recent call last):\n  File "/x/sagemaker_inference/a.py", line 142, in f\n'
            "    result = run()\nMemoryError: no room\n",
            500,
            False,
            "let the model raise sagemaker_inference.errors.BaseInferenceToolkitError(507, ",
        ),
        ("", 507, False, "smaller batch"),
        ("write failed: No space left on device", 507, False, "volume"),
        (
            f"{DOWN}Internal: Failed to increase the shared memory pool size for key 'x' to 67108864 bytes. "
            "If you are running Triton inside docker, use '--shm-size' flag to control it. "
            "Error: No space left on device;\n",
            507,
            True,
            "/dev/shm",
        ),
    ],
)
def test_memory(words: str, status: int, at_load: bool, hint: str) -> None:
    fault = read_fault(words, status)
    assert fault.kind is FaultKind.MEMORY
    assert fault.at_load is at_load
    assert hint in (fault.hint or "")
    assert fault.cause


FRAMEWORKS = {
    "worker died": (
        '{\n  "code": 500,\n  "type": "InternalServerException",\n  "message": "Worker died."\n}\n',
        FaultKind.UNHEALTHY,
        "the process that runs it has ended",
    ),
    "flask": (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<title>500 Internal Server Error</title>\n'
        "<h1>Internal Server Error</h1>\n<p>The server encountered an <b>internal</b> error.</p>\n",
        FaultKind.OTHER,
        "500 Internal Server Error: The server encountered an internal error.",
    ),
    "traceback": (
        "Traceback (most recent call last):\n"
        '  File "/opt/conda/lib/python3.10/site-packages/sagemaker_inference/t.py", line 150, in f\n'
        '    result = run()\n  File "/opt/ml/models/abc/model/code/inference.py", line 12, in predict_fn\n'
        "    return model(x)\nValueError: need 4 features\n",
        FaultKind.CODE,
        "ValueError: need 4 features (code/inference.py line 12)",
    ),
    "xgboost: tensors": (
        "application/vnd.sagemaker-triton.binary+json;json-header-size=9 is not an accepted ContentType: csv",
        FaultKind.INPUT,
        "its container takes bytes, not tensors",
    ),
    "xgboost: columns": (
        "Unable to evaluate payload provided: Feature size of csv inference data 2 is not consistent with "
        "feature size of trained model 4.",
        FaultKind.INPUT,
        "the rows have 2 columns; the model was trained with 4",
    ),
    "xgboost: load": (
        "Unable to load model: Model xgboost-model cannot be loaded: not a booster\nsecond line\n",
        FaultKind.LOAD,
        "its model file can't be loaded: Model xgboost-model cannot be loaded: not a booster",
    ),
    "content type": (
        "Content-type text/plain is not supported",
        FaultKind.INPUT,
        "Content-type text/plain is not supported",
    ),
    "SageMaker's time": (
        "Your invocation timed out while waiting for a response from container primary. Review the latency "
        "metrics for each container in Amazon CloudWatch, resolve the issue, and try again.",
        FaultKind.TIMEOUT,
        "the model did not answer within 60 s, SageMaker's limit",
    ),
    "SageMaker got nothing": (
        "Amazon SageMaker could not get a response from the mme-dev endpoint. This can occur when CPU or "
        "memory utilization is high.",
        FaultKind.TIMEOUT,
        "its container ended, or its processors or memory are exhausted",
    ),
    "nothing": ("", FaultKind.OTHER, "it gave no reason"),
}


@pytest.mark.parametrize(("words", "kind", "cause"), FRAMEWORKS.values(), ids=FRAMEWORKS)
def test_other_containers_and_sagemaker(words: str, kind: FaultKind, cause: str) -> None:
    fault = read_fault(words, 500)
    assert (fault.kind, fault.cause) == (kind, cause)


@pytest.mark.parametrize("place", ["/opt/ml/code/", "/tmp/instances/0/mms/code/", "/home/x/code/"])
@pytest.mark.parametrize("function", ["model_fn", "input_fn"])
def test_the_program_of_all_models(place: str, function: str) -> None:
    text = (
        "invalid load key, 'h'.\nTraceback (most recent call last):\n"
        f'  File "{place}inference.py", line 12, in {function}\n    return load(x)\n'
        '  File "/opt/conda/lib/python3.10/site-packages/joblib/x.py", line 3, in load\n    load()\n'
        "_pickle.UnpicklingError: invalid load key, 'h'.\n"
    )
    fault = read_fault(text, 500)
    assert fault.cause == "_pickle.UnpicklingError: invalid load key, 'h'. (code/inference.py line 12)"
    at_load = function == "model_fn"
    assert (fault.kind, fault.at_load) == (FaultKind.LOAD if at_load else FaultKind.CODE, at_load)
    hint = "loads the file of every model: save it as" if at_load else "reads the requests: send bytes"
    assert f"the endpoint's program code/inference.py {hint}" in (fault.hint or "")


@pytest.mark.parametrize("text", ["{not json", "{}", '{"error": 3}', "[1]", "<html></html>"])
def test_an_unknown_form_is_unchanged(text: str) -> None:
    assert container_message(f" {text}\n") == text


@pytest.mark.parametrize("key", ["error", "x"])
def test_deeply_nested_json_is_unchanged(key: str) -> None:
    text = f'{{"{key}": {"[" * 100_000}'
    assert container_message(text) == text
    text = f'{{"{key}": {"[" * 100_000}{"]" * 100_000}}}'
    assert container_message(text) == text


SLOW = {
    "a path": "/a" * 8000,
    "paths": ":/a=(/models/" * 10_000,
    "names": "load failed for model '" * 10_000,
    "a title": "<html>" + "<title>" * 40_000,
    "tags": "<html><title>" + "<" * 100_000 + "</title>",
    "processes": "Stub process " * 20_000,
    "endpoints": "could not get a response from the " * 8000,
    "shapes": "unexpected shape for input 'x' " + "Expected [" * 20_000,
    "missing": "expected 1 inputs but got " + "missing required input(s) ['" * 8000,
    "types": "Content type " * 20_000,
    "libraries": "CU" * 60_000,
    "lines": "x\n\nAt:\n" + "\n" * 100_000 + "x",
    "folders": "x\n\nAt:\n  " + "/1" * 30_000 + "//x(1): y",
    "digits": "x\n\nAt:\n  /x.py(" + "1" * 5000 + "): y",
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_long_text_is_read_fast(text: str) -> None:
    start = time.process_time()
    assert read_fault(text, 500).cause
    assert time.process_time() - start < 2


def test_the_ends_of_a_very_long_text_tell() -> None:
    middle = "x" * 200_000
    assert read_fault(f"{middle}\nCUDA out of memory").kind is FaultKind.MEMORY
    assert read_fault(f"CUDA out of memory\n{middle}").kind is FaultKind.MEMORY


@given(st.text(), st.sampled_from([0, 400, 404, 500, 507]))
def test_any_text_has_a_cause_of_one_short_line(text: str, status: int) -> None:
    for words in (text, DOWN + text, EXECUTE + text + "\n\nAt:\n" + text, json.dumps({"error": text})):
        cause = read_fault(words, status).cause
        assert cause
        assert "\n" not in cause
        assert len(cause) < 800
