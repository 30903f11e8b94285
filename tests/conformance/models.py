"""The suite's models for Triton: a few lines of Python each, with a complete config.pbtxt."""

from __future__ import annotations

from collections.abc import Mapping

Files = Mapping[str, str | bytes]
FAILED = 400
"""Status of a model's failure."""

_HEAD = """import os, tempfile, uuid
import numpy as np
import triton_python_backend_utils as pb_utils

def tensor(request, name="X"):
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy()

def answer(**tensors):
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in tensors.items()])
"""


def config(inputs: Mapping[str, str], outputs: Mapping[str, str], more: str = "") -> str:
    """A python model's config.pbtxt; a tensor is its type and dimensions, such as ``FP32 4``."""

    def tensors(kind: str, named: Mapping[str, str]) -> str:
        entries = []
        for name, form in named.items():
            datatype, dims = form.split()
            entries.append(f'{{ name: "{name}" data_type: TYPE_{datatype} dims: [{dims}] }}')
        return f"{kind} [{', '.join(entries)}]"

    return "\n".join(
        ['backend: "python"', "max_batch_size: 0", tensors("input", inputs), tensors("output", outputs), more]
    )


def python_model(
    configuration: str, execute: str, *, initialize: str = "pass", finalize: str = "pass"
) -> Files:
    """A model whose ``execute`` is an expression of ``request`` that gives one response."""
    code = f"""{_HEAD}
class TritonPythonModel:
    def initialize(self, args):
        self.load = uuid.uuid4().hex
        {initialize}

    def execute(self, requests):
        return [{execute} for request in requests]

    def finalize(self):
        {finalize}
"""
    return {"config.pbtxt": configuration, "1/model.py": code}


_LOADED = config({"X": "FP32 1"}, {"Y": "FP32 1", "LOAD": "STRING 1"})


def times(factor: float, *, padding: int = 0, **code: str) -> Files:
    """Y is X times a factor; LOAD differs for each load."""
    execute = (
        f"answer(Y=tensor(request) * np.float32({factor}), LOAD=np.array([self.load.encode()], np.object_))"
    )
    files = python_model(_LOADED, execute, **code)
    return {**files, "1/weights": b"0" * padding} if padding else files


ADD_SUB = python_model(
    config(
        {"INPUT0": "INT32 16", "INPUT1": "INT32 16"},
        {"OUTPUT0": "INT32 16", "OUTPUT1": "INT32 16"},
        # Neither the archive's name nor the name that SageMaker loads it under.
        'name: "a_name_of_its_own"',
    ),
    'answer(OUTPUT0=tensor(request, "INPUT0") + tensor(request, "INPUT1"),'
    ' OUTPUT1=tensor(request, "INPUT0") - tensor(request, "INPUT1"))',
)
IDENTITY = python_model(config({"X": "FP32 -1"}, {"Y": "FP32 -1"}), "answer(Y=tensor(request))")
TEXT = python_model(
    config({"X": "STRING -1"}, {"Y": "STRING -1"}),
    'answer(Y=np.array([word + b"!" for word in tensor(request)], np.object_))',
)
RAISES = python_model(_LOADED, "answer(Y=tensor(request) / [][0])")
UNLOADABLE = times(1, initialize='raise ValueError("the weights are missing")')
VERSION = python_model(
    config({"X": "FP32 1"}, {"Y": "STRING 1"}),
    'answer(Y=np.array([os.environ.get("TRITON_SERVER_VERSION", "").encode()], np.object_))',
)

_CHAIN = config({"X": "FP32 1"}, {"Y": "FP32 1"})


def _under(folder: str, files: Files) -> Files:
    return {f"{folder}/{name}": content for name, content in files.items()}


def wrapped(folder: str, files: Files) -> Files:
    """The model inside one directory, as many an archive is packed."""
    return _under(folder, files)


def ensemble(first: str, second: str, second_model: Files) -> Files:
    """Two steps after each other: the first doubles."""
    steps = f"""
platform: "ensemble"
max_batch_size: 0
input [{{ name: "X" data_type: TYPE_FP32 dims: [1] }}]
output [{{ name: "Y" data_type: TYPE_FP32 dims: [1] }}]
ensemble_scheduling {{ step [
  {{ model_name: "{first}" model_version: -1
    input_map {{ key: "X" value: "X" }} output_map {{ key: "Y" value: "between" }} }},
  {{ model_name: "{second}" model_version: -1
    input_map {{ key: "X" value: "between" }} output_map {{ key: "Y" value: "Y" }} }}
] }}
"""
    return {
        "whole/config.pbtxt": steps,
        "whole/1/.keep": "",
        **_under(first, times_only(2)),
        **_under(second, second_model),
    }


def times_only(factor: float) -> Files:
    """Y is X times a factor, and nothing else: a step of an ensemble."""
    return python_model(_CHAIN, f"answer(Y=tensor(request) * np.float32({factor}))")


PLUS_ONE = python_model(_CHAIN, "answer(Y=tensor(request) + np.float32(1))")


def calling(other: str) -> Files:
    """Business logic scripting: it asks another model and adds 100."""
    code = f"""{_HEAD}
class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            x = pb_utils.Tensor("X", tensor(request))
            asked = pb_utils.InferenceRequest(
                model_name="{other}", requested_output_names=["Y"], inputs=[x]
            ).exec()
            if asked.has_error():
                raise pb_utils.TritonModelException(asked.error().message())
            y = pb_utils.get_output_tensor_by_name(asked, "Y").as_numpy()
            answers.append(answer(Y=y + np.float32(100)))
        return answers
"""
    return {"config.pbtxt": _CHAIN, "1/model.py": code}


DECOUPLED: Files = {
    "config.pbtxt": _CHAIN + "\nmodel_transaction_policy { decoupled: true }",
    "1/model.py": f"""{_HEAD}
class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            for factor in (1, 2):
                sender.send(answer(Y=tensor(request) * np.float32(factor)))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
""",
}

OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 20.00 GiB"
ALWAYS_SHORT = times(1, initialize=f'raise MemoryError("{OUT_OF_MEMORY}")')


def hog(flag: str) -> Files:
    """While it is loaded, the models below are short of memory."""
    path = f'os.path.join(tempfile.gettempdir(), "{flag}")'
    return times(1, initialize=f'open({path}, "w").close()', finalize=f"os.remove({path})")


def short_at_load(flag: str) -> Files:
    """Does not load while the hog is loaded."""
    held = f'os.path.exists(os.path.join(tempfile.gettempdir(), "{flag}"))'
    return times(3, initialize=f'assert not {held}, "{OUT_OF_MEMORY}"')


def short_at_call(flag: str) -> Files:
    """Loads while the hog is loaded, but does not answer."""
    code = f"""{_HEAD}
class TritonPythonModel:
    def initialize(self, args):
        self.load = uuid.uuid4().hex

    def execute(self, requests):
        if os.path.exists(os.path.join(tempfile.gettempdir(), "{flag}")):
            raise MemoryError("{OUT_OF_MEMORY}")
        load = np.array([self.load.encode()], np.object_)
        return [answer(Y=tensor(request) * np.float32(5), LOAD=load) for request in requests]
"""
    return {"config.pbtxt": _LOADED, "1/model.py": code}
