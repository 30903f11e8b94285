"""What is read from a model's code without running it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.archives.python_source import read_python

CALLS = {
    "keyword": 'pb_utils.InferenceRequest(model_name="a")',
    "imported": 'InferenceRequest(inputs=[], model_name="a")',
    "constant": 'NAME = "a"\npb_utils.InferenceRequest(model_name=NAME)',
    "attribute": 'class M:\n  def f(self):\n    self.n = "a"\n    p.InferenceRequest(model_name=self.n)',
}
CLASSES = {
    "class": "class TritonPythonModel: ...",
    "import": "from serving import TritonPythonModel",
    "import as": "from serving import Model as TritonPythonModel",
    "star import": "from serving import *",
    "assignment": "TritonPythonModel = make()",
    "in a branch": "if True:\n  class TritonPythonModel: ...",
    "in a try": "try:\n  import x\nexcept ImportError:\n  class TritonPythonModel: ...",
}


@pytest.mark.parametrize("code", CALLS.values(), ids=CALLS)
def test_names_of_called_models(code: str) -> None:
    assert read_python(code.encode()).calls == ("a",)


@pytest.mark.parametrize("name", ["f()", "N", "x.y", "1"])
def test_a_computed_name_is_not_guessed(name: str) -> None:
    code = f'N = "a"\nN = "b"\nInferenceRequest(model_name={name})'
    assert read_python(code.encode()).calls == ()


@pytest.mark.parametrize("code", CLASSES.values(), ids=CLASSES)
def test_ways_to_have_the_class(code: str) -> None:
    assert read_python(code.encode()).defines("TritonPythonModel")


def test_a_class_within_a_function_does_not_count() -> None:
    assert not read_python(b"def f():\n  class TritonPythonModel: ...").defines("TritonPythonModel")


def test_methods_of_a_class_that_inherits_are_unknown() -> None:
    assert read_python(b"class TritonPythonModel(Base): ...").methods is None
    assert read_python(b"class TritonPythonModel:\n  def execute(self): ...").methods == {"execute"}


def test_loaded_models() -> None:
    assert read_python(b'pb_utils.load_model("a")').loads == {"a"}
    assert read_python(b"pb_utils.load_model(model_name=name)").loads == {"*"}


def test_other_encodings() -> None:
    assert read_python("# -*- coding: latin-1 -*-\nx = 'é'".encode("latin-1")).error is None
    assert read_python(b"x = '\xe9'").error


@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    source = read_python(content)
    assert source.error is None or not source.names
