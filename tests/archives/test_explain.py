"""Explanations of sound archives, and that no archive makes explain raise."""

from __future__ import annotations

import gzip
import io
import json
import os
import tracemalloc
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mme.archives.explain import explain
from mme.archives.explanation import Explanation
from mme.archives.gzip_stream import GzipStream
from mme.archives.model_directory import scan_directory
from mme.archives.packing import pack_directory
from mme.archives.signature import TensorSpec
from mme.errors import MmeError
from tests.archives.archive_builder import (
    CODE,
    COMPLETING_CODE,
    CONFIG,
    FLAT,
    PIPELINE,
    TENSORS,
    Files,
    flat,
    member,
    pack,
    pipeline,
    tar,
    write_files,
)
from tests.archives.model_files.saved_model_builder import saved_model
from tests.archives.model_files.torch_builder import ONE_TO_ONE, write_torch
from tests.archives.onnx_builder import doubled

FOREST = 'backend: "fil" parameters { key: "model_type" value { string_value: "xgboost_json" } }'
ENVIRONMENT = """parameters {
  key: "EXECUTION_ENV_PATH" value { string_value: "$$TRITON_MODEL_DIRECTORY/env.tar.gz" } }
"""
DOUBLED = doubled((3,)).SerializeToString()
XGBOOST_JSON = '{"learner":{"attributes":{},"learner_model_param":{"num_feature":"4"}}}'
PICKLE = b"\x80\x05N."
SOUND: dict[str, tuple[Files, str, str]] = {
    "flat": (FLAT, "triton", "flat"),
    "version 0": ({"config.pbtxt": CONFIG, "0/model.py": CODE}, "triton", "flat"),
    "sub-directory": ({f"m/{path}": text for path, text in FLAT.items()}, "triton", "sub-directory"),
    "ensemble": (PIPELINE, "triton", "ensemble"),
    "completed by its code": (flat('backend: "python"', COMPLETING_CODE), "triton", "flat"),
    "onnx": (
        {"config.pbtxt": 'platform: "onnxruntime_onnx"' + TENSORS, "1/model.onnx": DOUBLED},
        "triton",
        "flat",
    ),
    "forest": (
        {
            "config.pbtxt": FOREST + TENSORS,
            "1/xgboost.json": "{}",
        },
        "triton",
        "flat",
    ),
    "environment": (
        {**flat(CONFIG + ENVIRONMENT), "env.tar.gz": pack({"lib/x": "y" * 9000, "bin/activate": "x"})},
        "triton",
        "flat",
    ),
    "own backend": (
        {"config.pbtxt": 'backend: "mine"' + TENSORS, "libtriton_mine.so": "x", "1/weights": "x"},
        "triton",
        "flat",
    ),
    "dots before the names": ({f"./{path}": text for path, text in FLAT.items()}, "triton", "flat"),
    "TensorFlow": (
        {"1/saved_model.pb": saved_model(), "1/variables/variables.index": "x", "code/inference.py": ""},
        "tensorflow",
        "saved-model",
    ),
    "PyTorch": ({"model.pth": "x", "code/inference.py": "def model_fn(d): ..."}, "pytorch", "torch-weights"),
    "MXNet": (
        {"model-symbol.json": "{}", "model-shapes.json": "[]", "model-0000.params": "x"},
        "mxnet",
        "mxnet-checkpoint",
    ),
    "XGBoost": ({"xgboost-model": "x"}, "xgboost", "one-file"),
    "XGBoost by content": ({"model.json": XGBOOST_JSON}, "xgboost", "one-file"),
    "scikit-learn": ({"model.joblib": PICKLE}, "scikit-learn", "one-file"),
}


@pytest.mark.parametrize(("files", "framework", "layout"), SOUND.values(), ids=SOUND)
def test_sound_archives_would_be_served(files: Files, framework: str, layout: str) -> None:
    found = explain(io.BytesIO(pack(files)))
    assert (found.framework, found.layout, found.servable) == (framework, layout, True)
    assert not found.errors
    assert found.files == sum(content is not None for content in files.values())


@pytest.mark.parametrize(("files", "framework", "layout"), SOUND.values(), ids=SOUND)
def test_a_directory_and_its_archive_explain_alike(
    files: Files, framework: str, layout: str, tmp_path: Path
) -> None:
    alike(write_files(tmp_path / "m", files))


def alike(root: Path) -> Explanation:
    of_directory = explain(root)
    _, packed = pack_directory(scan_directory(root))
    of_archive = explain(io.BytesIO(packed))
    for field in (
        "framework",
        "layout",
        "findings",
        "unpacked_bytes",
        "files",
        "largest",
        "models",
        "model_files",
    ):
        assert getattr(of_directory, field) == getattr(of_archive, field), field
    assert (of_directory.kind, of_archive.kind) == ("directory", "archive")
    return of_directory


def test_tensors_versions_roles_and_weight() -> None:
    found = explain(io.BytesIO(pack({**PIPELINE, "first/2/model.py": CODE, "x/1/model.py": CODE})))
    ensemble, step, idle = found.models
    assert (ensemble.folder, ensemble.role, ensemble.versions) == ("both", "ensemble", (1,))
    assert (step.folder, step.role, step.versions) == ("first", "step", (2,))
    assert (idle.folder, idle.role) == ("x", "idle")
    assert ensemble.signature.inputs == (TensorSpec("X", "FP32", (3,)),)
    assert found.unpacked_bytes == len(PIPELINE["both/config.pbtxt"]) + len(CONFIG) + 3 * len(CODE)  # type: ignore[arg-type]
    assert found.packed_bytes == len(pack({**PIPELINE, "first/2/model.py": CODE, "x/1/model.py": CODE}))
    assert found.largest[0].size == len(CODE)


@pytest.mark.parametrize("name", ["xgboost-model", "xgboost-model.ubj", "model.json"])
def test_a_booster_states_its_features(name: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    rows = [[float(row == column) for column in range(3)] for row in range(12)]
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(np.array(rows), np.arange(12) % 2), 2)
    saved = bytes(booster.save_raw("json" if name == "model.json" else "ubj"))
    text = f"XGBoost {xgboost.__version__}, 3 features, reg:squarederror"
    found = explain(io.BytesIO(pack({name: saved})))
    assert (found.framework, found.servable, found.model_files) == ("xgboost", True, {name: text})
    assert found.to_json()["model_files"] == {name: text}
    assert not explain(io.BytesIO(pack({name: saved[: len(saved) // 2]}))).servable


def test_torch_script_states_its_signature(tmp_path: Path) -> None:
    content = write_torch(tmp_path / "model.pt", ONE_TO_ONE).read_bytes()
    config = 'platform: "pytorch_libtorch"' + TENSORS
    for path, files in (("1/model.pt", {"config.pbtxt": config}), ("model.pth", {})):
        found = explain(io.BytesIO(pack({**files, path: content})))
        assert found.servable
        assert found.model_files == {path: "forward(x: Tensor) -> Tensor"}


def test_a_path_reads_like_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "add_v0.tar.gz"
    path.write_bytes(pack(FLAT))
    assert explain(path).to_json() == explain(io.BytesIO(pack(FLAT)), name=str(path)).to_json()


def test_json_is_plain(tmp_path: Path) -> None:
    found = json.loads(json.dumps(explain(io.BytesIO(pack(pipeline()))).to_json()))
    assert found["servable"] is True
    assert found["models"][0]["inputs"] == [{"name": "X", "datatype": "FP32", "dims": [3], "optional": False}]


def test_what_can_not_be_asked(tmp_path: Path) -> None:
    with pytest.raises(MmeError, match="no such file"):
        explain(tmp_path / "absent.tar.gz")
    with pytest.raises(MmeError, match="file name too long"):
        explain("x" * 5000)
    with pytest.raises(MmeError, match="no container is known for the framework 'caffe'"):
        explain(io.BytesIO(b""), framework="caffe")
    with pytest.raises(MmeError, match=r"ml\.g5\.large is not a SageMaker"):
        explain(io.BytesIO(b""), instance_type="ml.g5.large")


def test_a_link_in_a_directory_is_reported_and_the_rest_explained(tmp_path: Path) -> None:
    root = write_files(tmp_path / "m", FLAT)
    (root / "1" / "weights").symlink_to("/etc/hosts")
    found = explain(root)
    assert found.codes == ("symlink",)
    assert found.models[0].versions == (1,)


def test_an_archive_larger_than_the_memory_it_may_use() -> None:
    """256 MiB of content from a stream that can't seek: a file's content is never held."""

    class Slowly:
        def __init__(self, content: bytes) -> None:
            self._inner = io.BytesIO(content)

        def read(self, size: int) -> bytes:
            return self._inner.read(min(size, 1000))  # as a socket does

    content = bytearray(tar({**FLAT, "1/weights": b""}))
    size = 2**28
    member = content.index(b"1/weights")
    content[member + 124 : member + 136] = b"%011o\0" % size
    content[member + 148 : member + 156] = b" " * 8
    content[member + 148 : member + 156] = b"%06o\0 " % sum(content[member : member + 512])
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as out:
        out.write(content[: member + 512])
        block = os.urandom(2**10) * 64
        for _ in range(size // len(block)):
            out.write(block)
        out.write(bytes(1024))
    stream: IO[bytes] = Slowly(packed.getvalue())  # type: ignore[assignment]
    tracemalloc.start()
    try:
        found = explain(stream)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.servable
    assert found.unpacked_bytes == size + len(CONFIG) + len(CODE)
    assert peak < 32 * 2**20


def nested_codes(environment: bytes, *others: bytes) -> set[str]:
    """The findings about a model with an environment, which follows other archives."""
    names = {f"data/{number}.tar.gz": other for number, other in enumerate(others)}
    files = {**flat(CONFIG + ENVIRONMENT), **names, "env.tar.gz": environment}
    return {finding.code for finding in explain(io.BytesIO(pack(files))).findings}


def test_archives_within_an_archive_are_no_way_around_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    class Recorded(GzipStream):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            streams.append(self)

    streams: list[GzipStream] = []
    monkeypatch.setattr("mme.archives.contents.GzipStream", Recorded)
    bomb = pack({"zeros": bytes(20_000_000)})
    assert "environment-broken" not in nested_codes(pack({"bin/activate": "x"}), *[bomb] * 20)
    assert sum(stream.unpacked_bytes for stream in streams) < 20_000_000
    streams.clear()
    # Small ones, each of an ordinary ratio, which the archive around them compresses once more.
    small = pack({"zeros": bytes(30_000)})
    nested_codes(pack({"bin/activate": "x"}), *[small] * 2000)
    assert sum(stream.unpacked_bytes for stream in streams) < 30_000_000


@pytest.mark.parametrize("members", [100_050, 10])
def test_an_environment_that_is_too_large_to_read_is_not_refused(members: int) -> None:
    many = member("lib/x", b"").tobuf() * members
    with_activate = gzip.compress(many + tar({"bin/activate": "x"}), 1)
    assert "environment-broken" not in nested_codes(with_activate)
    without = gzip.compress(many + tar({}), 1)
    assert ("environment-broken" in nested_codes(without)) == (members < 100_000)


def test_an_environment_at_the_root_of_the_model() -> None:
    config = CONFIG + ENVIRONMENT.replace("/env.tar.gz", "")
    assert not explain(io.BytesIO(pack(flat(config, bin__activate="x")))).errors
    (error,) = explain(io.BytesIO(pack(flat(config)))).errors
    assert error.message.startswith("bin/activate is missing")


def check(found: Explanation) -> None:
    json.dumps(found.to_json()).encode()


@given(st.binary(max_size=600), st.sampled_from([b"", b"\x1f\x8b\x08", b"PK\x03\x04"]))
def test_any_bytes(content: bytes, head: bytes) -> None:
    found = explain(io.BytesIO(head + content))
    check(found)
    assert not found.servable


@given(st.binary(max_size=3000))
def test_any_bytes_within_gzip(content: bytes) -> None:
    check(explain(io.BytesIO(gzip.compress(content))))


@given(st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_any_change_to_an_archive(data: st.DataObject) -> None:
    files = data.draw(st.sampled_from([FLAT, PIPELINE, pipeline()]))
    inside = data.draw(st.booleans())
    content = bytearray(tar(files) if inside else pack(files))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content))) if data.draw(st.booleans()) else len(content) :]
    check(explain(io.BytesIO(gzip.compress(bytes(content)) if inside else bytes(content))))


names = st.sampled_from(
    ["config.pbtxt", "1", "2", "02", "m", "both", "first", "model.py", "model.onnx", "model.pth", "3rdparty"]
)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
texts = st.sampled_from(["", CONFIG, CODE, PIPELINE["both/config.pbtxt"], "x", "platform: 'ensemble'"])


@given(st.dictionaries(paths, texts, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_layout_explains_alike_as_directory_and_archive(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]
) -> None:
    whole = {
        path: text for path, text in files.items() if not any(other.startswith(f"{path}/") for other in files)
    }
    if not whole:
        return
    check(alike(write_files(tmp_path_factory.mktemp("layout") / "m", whole)))


@given(st.text(max_size=200))
def test_any_config(text: str) -> None:
    check(explain(io.BytesIO(pack(flat(text.encode("utf-8", "replace"))))))


@given(st.text(max_size=200) | st.from_regex(r"class TritonPythonModel[\w\s():=.]{0,40}", fullmatch=True))
def test_any_code(text: str) -> None:
    check(explain(io.BytesIO(pack(flat(code=text.encode("utf-8", "replace").decode())))))
