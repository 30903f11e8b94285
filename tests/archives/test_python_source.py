"""A model's code is parsed, never run."""

from __future__ import annotations

import pytest

from mme.archives.python_source import read_python

CODE = {
    "keyword": 'pb_utils.InferenceRequest(model_name="a")',
    "imported": 'InferenceRequest(inputs=[], model_name="a")',
    "constant": 'NAME = "a"\npb_utils.InferenceRequest(model_name=NAME)',
    "attribute": 'class M:\n  def f(self):\n    self.n = "a"\n    p.InferenceRequest(model_name=self.n)',
    "computed": "InferenceRequest(model_name=f())",
    "assigned twice": 'N = "a"\nN = "b"\nInferenceRequest(model_name=N)',
}
CLASSES = [
    "class TritonPythonModel: ...",
    "from serving import Model as TritonPythonModel",
    "from serving import *",
    "TritonPythonModel = make()",
    "if True:\n  class TritonPythonModel: ...",
    "try:\n  import x\nexcept ImportError:\n  class TritonPythonModel: ...",
]


@pytest.mark.parametrize("name", CODE)
def test_calls_of_models_by_a_literal_name_are_found(name: str) -> None:
    calls = tuple(name for name, _ in read_python(CODE[name].encode()).calls)
    assert calls == (() if name in ("computed", "assigned twice") else ("a",))


def test_loads_of_models_are_found() -> None:
    assert read_python(b'pb_utils.load_model("a")').loads == {"a"}
    assert read_python(b"pb_utils.load_model(model_name=name)").loads == {"*"}


def test_definitions_of_the_class_are_found() -> None:
    assert all(read_python(code.encode()).defines("TritonPythonModel") for code in CLASSES)
    assert not read_python(b"def f():\n  class TritonPythonModel: ...").defines("TritonPythonModel")
    assert read_python(b"class TritonPythonModel(Base): ...").methods is None


def test_syntax_of_a_newer_python_is_not_an_error() -> None:
    for line in ("type A = int", "def f[T](x: T) -> T: ...", "class A[T]: ..."):
        source = read_python(f"{line}\n".encode())
        assert source.error is None
        assert source.defines("TritonPythonModel") or line.startswith(("def", "type", "class"))


def test_encodings() -> None:
    assert read_python("# -*- coding: latin-1 -*-\nx = 'é'".encode("latin-1")).error is None
    assert read_python(b"x = '\xe9'").error
