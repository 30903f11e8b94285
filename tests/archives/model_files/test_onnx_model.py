"""ONNX's graph read without the onnx package: the same answers as with it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from mme.archives.model_files.content_stream import FileStream, StreamWithStart
from mme.archives.model_files.onnx_model import ELEMENT_TYPES, OnnxModel, read_onnx
from mme.archives.model_files.wire import WireError
from tests.archives.onnx_builder import model, sequence, value, with_external

BACKEND_TESTS = Path(onnx.__file__).parent / "backend" / "test" / "data"
NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=300)
DIMS = st.none() | st.lists(st.integers(0, 2**40) | st.just(-1) | NAMES, max_size=6)
TENSORS = st.lists(st.tuples(NAMES, st.sampled_from([*ELEMENT_TYPES]), DIMS), min_size=1, max_size=6)


def read(made: onnx.ModelProto | bytes) -> OnnxModel:
    content = made if isinstance(made, bytes) else made.SerializeToString()
    return read_onnx(FileStream.of(content), len(content))


@given(TENSORS, TENSORS, st.integers(1, 2**31), st.integers(1, 2**31))
def test_tensors_are_those_that_the_package_writes(
    inputs: list[tuple], outputs: list[tuple], opset: int, ir_version: int
) -> None:
    made = model(
        inputs=[value(name, dims, element) for name, element, dims in inputs],
        outputs=[value(name, dims, element) for name, element, dims in outputs],
        opset=opset,
        ir_version=ir_version,
    )
    found = read(made)
    assert (found.opset, found.ir_version) == (opset, ir_version)
    for tensor, (name, element, dims) in zip(
        [*found.inputs, *found.outputs], [*inputs, *outputs], strict=True
    ):
        assert (tensor.name, tensor.element, tensor.datatype) == (name, element, ELEMENT_TYPES[element])
        sizes = None if dims is None else tuple(dim if isinstance(dim, int) else -1 for dim in dims)
        assert tensor.dims == sizes
        assert tensor.symbols == tuple(dim if isinstance(dim, str) else "" for dim in dims or ())


def test_models_of_the_standard() -> None:
    paths = sorted(BACKEND_TESTS.rglob("*.onnx"))
    assert len(paths) > 100
    for path in paths:
        content = path.read_bytes()
        found, known = read(content), onnx.load_from_string(content)
        with_default = {one.name for one in known.graph.initializer}
        assert [one.name for one in found.inputs] == [
            one.name for one in known.graph.input if one.name not in with_default
        ]
        assert [one.name for one in found.outputs] == [one.name for one in known.graph.output]
        assert found.opsets == {one.domain: one.version for one in known.opset_import}
        assert found.custom == ()


@given(st.binary(max_size=2000))
def test_noise_is_refused(content: bytes) -> None:
    with pytest.raises(WireError):
        read(content)


@given(st.data())
def test_any_change_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(with_external().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(content))
    except WireError:
        return


@given(st.integers(1, 150))
def test_a_graph_that_is_cut_off_says_how_much_is_missing(missing: int) -> None:
    whole = model()
    content = onnx.ModelProto(ir_version=8, graph=whole.graph).SerializeToString()
    if missing > len(content) - 8:
        return
    with pytest.raises(WireError) as caught:
        read(content[:-missing])
    assert (caught.value.missing, caught.value.field) == (missing, 7)


def test_defaults_are_not_inputs() -> None:
    default = numpy_helper.from_array(np.zeros(4, np.float32), "K")
    made = model(
        [helper.make_node("Add", ["X", "K"], ["Y"])], [value("X"), value("K", (4,))], initializers=[default]
    )
    found = read(made)
    assert [one.name for one in found.inputs] == ["X"]
    assert [one.name for one in found.overridable] == ["K"]


def test_a_sequence_is_named() -> None:
    assert [one.kind for one in read(sequence()).outputs] == ["sequence"]


def test_external_files_in_a_branch_are_found() -> None:
    branch = with_external("branch.bin", 40).graph
    del branch.input[:]
    node = helper.make_node("If", ["X"], ["Y"], then_branch=branch, else_branch=branch)
    assert read(model([node])).external == {"branch.bin": 40}


def test_an_external_file_without_a_length_is_as_long_as_its_tensor() -> None:
    made = with_external()
    del made.graph.initializer[0].external_data[2]
    made.graph.initializer[0].external_data[1].value = "4096"
    assert read(made).external == {"weights.bin": 4096 + 64}


def test_operators_of_the_models_own_functions_are_not_custom() -> None:
    made = model([helper.make_node("Twice", ["X"], ["Y"], domain="own")], domains=["own"])
    assert read(made).custom == ("own",)
    body = [helper.make_node("Add", ["A", "A"], ["B"])]
    made.functions.append(
        helper.make_function("own", "Twice", ["A"], ["B"], body, [helper.make_opsetid("", 13)])
    )
    assert read(made).custom == ()


def test_bodies_within_bodies_end() -> None:
    graph = model().graph
    for _ in range(30):
        graph = model(
            [helper.make_node("If", ["X"], ["Y"], then_branch=graph, else_branch=model().graph)]
        ).graph
    with pytest.raises(WireError):
        read(helper.make_model(graph))


class Counted(io.BytesIO):
    """A file that counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self.taken += len(block)
        return block


def test_weights_are_not_read() -> None:
    weights = helper.make_tensor("W", TensorProto.FLOAT, [4, 10**6], bytes(16 * 10**6), raw=True)
    content = model(initializers=[weights]).SerializeToString()
    file = Counted(content)
    assert read_onnx(FileStream(file), len(content)).inputs[0].name == "X"
    assert file.taken < 400_000


@given(st.binary(max_size=50), st.lists(st.integers(-60, 60), max_size=8), st.integers(0, 50))
def test_streams_agree(content: bytes, steps: list[int], split: int) -> None:
    """Negative steps drop."""
    plain = FileStream.of(content)
    joined = StreamWithStart(content[:split], FileStream.of(content[split:]))
    for step in steps:
        if step < 0:
            assert plain.skip(-step) == joined.skip(-step)
        else:
            whole = plain.read(step)
            got = b""
            while len(got) < len(whole):
                got += joined.read(len(whole) - len(got))
            assert got == whole
