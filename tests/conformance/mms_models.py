"""The suite's models for the Multi Model Server; the names are those of `tests.conformance.models`.

Requests and answers have the same JSON: the program is the suite's own, and so is its format.
"""

from __future__ import annotations

from pathlib import Path

from tests.conformance.models import OUT_OF_MEMORY, Files

ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": str(Path(__file__).with_name("mms_program")),
}
"""Of the container: the program that runs them."""
FAILED = 500
"""Status of a model's failure."""


def _model(answer: str, *, initialize: str = "pass") -> Files:
    """A model whose ``answer`` is statements about ``x``, the numbers of a request, that return a pair."""
    return {
        "model.py": f"""
import json, os, tempfile, time, uuid
from sagemaker_inference.errors import BaseInferenceToolkitError

def tensors(**named):
    outputs = [{{"name": name, "data": data}} for name, data in named.items()]
    return json.dumps({{"outputs": outputs}}), "application/json"

def alive(flag):
    "Whether the process that wrote a file runs; a zombie has no command line."
    try:
        with open(os.path.join(tempfile.gettempdir(), flag)) as file:
            with open(f"/proc/{{file.read()}}/cmdline") as line:
                return bool(line.read())
    except OSError:
        return False

def held(flag):
    "As `alive`, but an unloaded model's process may take a moment to end."
    end = time.monotonic() + 1
    while alive(flag):
        if time.monotonic() > end:
            return True
        time.sleep(0.05)
    return False

class Model:
    def __init__(self):
        self.load = uuid.uuid4().hex
        {initialize}

    def answer(self, data):
        {answer}
"""
    }


def times(factor: float, *, padding: int = 0, check: str = "pass", initialize: str = "pass") -> Files:
    """Y is X times a factor; LOAD differs for each load."""
    answer = f"""x = json.loads(data)["inputs"][0]["data"]
        {check}
        return tensors(Y=[one * {factor} for one in x], LOAD=[self.load])"""
    files = _model(answer, initialize=initialize)
    return {**files, "weights": b"0" * padding} if padding else files


IDENTITY = _model('return data, "application/octet-stream"')
RAISES = times(1, check="x[len(x)]")
UNLOADABLE = times(1, initialize='raise ValueError("the weights are missing")')
ALWAYS_SHORT = times(1, initialize=f'raise MemoryError("{OUT_OF_MEMORY}")')


def hog(flag: str) -> Files:
    """While it is loaded, the models below are short of memory."""
    path = f'os.path.join(tempfile.gettempdir(), "{flag}")'
    return times(1, initialize=f'open({path}, "w").write(str(os.getpid()))')


def short_at_load(flag: str) -> Files:
    """Does not load while the hog is loaded."""
    return times(3, initialize=f'if held("{flag}"): raise MemoryError("{OUT_OF_MEMORY}")')


def short_at_call(flag: str) -> Files:
    """Loads while the hog is loaded, but does not answer."""
    error = f'BaseInferenceToolkitError(507, "{OUT_OF_MEMORY}", "out of memory")'
    return times(5, check=f'if held("{flag}"): raise {error}')
