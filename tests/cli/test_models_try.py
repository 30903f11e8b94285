"""`mme models try`: with a stand-in for the container, and with the real one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from typer.testing import CliRunner, Result

from mme.cli import models_try
from mme.cli.main import app
from mme.client.codec import encode_request
from mme.errors import MmeError
from mme.registry.skeletons import new_model
from mme_local.containers.container import ContainerReply
from mme_local.containers.triton.wheel import why_not_here
from tests.archives.archive_builder import FLAT, pack
from tests.mme_local.containers.triton import onnx_models

EXAMPLES = Path(__file__).parents[2] / "examples"


class Answering:
    """A container that answers each request with its first input doubled."""

    load_seconds = 1.25
    memory_bytes: int | None = 45_000_000

    def __init__(self, load: ContainerReply | None = None, expected: dict[str, Any] | None = None) -> None:
        self.load = load or ContainerReply(200, b"", "")
        self.expected = expected
        self.opened: list[tuple[str, str]] = []
        self.asked: list[bytes] = []

    @contextmanager
    def open(self, archive: Iterator[bytes], name: str, repository: str) -> Iterator[Answering]:
        assert b"".join(archive).startswith(b"\x1f\x8b")
        self.opened.append((name, repository))
        yield self

    def invoke(self, body: bytes, content_type: str) -> tuple[ContainerReply, float]:
        size = int(content_type.rpartition("=")[2])
        values = np.frombuffer(body[size:], np.float32)
        self.asked.append(body)
        header = {"outputs": [{"name": "Y", "datatype": "FP32", "shape": [3], "data": (values * 2).tolist()}]}
        return ContainerReply(200, json.dumps(header).encode(), "application/json"), 0.002

    def reference(self, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
        return self.expected


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "doubler"
    for name, content in FLAT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(str(content))
    return folder


def run(monkeypatch: pytest.MonkeyPatch, answering: Answering, *arguments: str) -> Result:
    monkeypatch.setattr(models_try, "_open_trial", lambda: answering.open)
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, ["models", "try", *arguments])


def test_a_directory_is_called_with_zeros(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    answering = Answering()
    ran = run(monkeypatch, answering, str(model))
    assert answering.opened == [("doubler.tar.gz", "sagemaker-tritonserver")]
    assert "Y\tFP32\t[3]\t0, 0, 0" in ran.stdout
    assert "loaded in 1.2 s, answered in 2.0 ms, 45.0 MB of memory" in ran.stdout
    assert "for X [3]; give values: --input NAME=VALUES" in ran.stderr


def test_an_archive_is_called_with_values(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "doubler_v0.tar.gz"
    archive.write_bytes(pack(FLAT))
    answering = Answering(expected={"Y": np.array([2.0, 4.0, 6.5], np.float32)})
    ran = run(monkeypatch, answering, str(archive), "-i", "X=1,2,3", "--json")
    assert answering.opened[0][0] == "doubler_v0.tar.gz"
    found = json.loads(ran.stdout)
    assert found["outputs"]["Y"]["data"] == [2, 4, 6]
    assert found["onnxruntime_difference"] == 0.5
    assert (found["load_seconds"], found["call_seconds"], found["memory_bytes"]) == (1.25, 0.002, 45_000_000)
    request = encode_request({"X": np.array([1, 2, 3], np.float32)})
    assert answering.asked == [bytes(request.body)]


def test_the_same_answer_of_onnxruntime_is_reported(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    answering = Answering(expected={"Y": np.zeros((1, 3), np.float32), "other": np.zeros(1)})
    assert "onnxruntime gives the same answer" in run(monkeypatch, answering, str(model)).stdout


def test_a_refused_load_is_an_error_with_its_cause(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    text = "load failed for model 'm': version 1 is at UNAVAILABLE state: Internal: ValueError: no weights;\n"
    answering = Answering(load=ContainerReply(400, json.dumps({"error": text}).encode(), "application/json"))
    ran = run(monkeypatch, answering, str(model))
    assert isinstance(ran.exception, MmeError)
    assert ran.exception.message == f"{model} does not load; ValueError: no weights"
    assert not answering.asked


def test_a_model_of_another_container_is_loaded_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "trees").mkdir()
    (tmp_path / "trees" / "xgboost-model").write_bytes(b"x")
    answering = Answering()
    ran = run(monkeypatch, answering, str(tmp_path / "trees"))
    assert answering.opened == [("trees.tar.gz", "sagemaker-xgboost")]
    assert not answering.asked
    assert "loaded in 1.2 s, 45.0 MB of memory; models of this container take bytes" in ran.stdout


@pytest.mark.parametrize("as_json", [False, True])
def test_a_body_is_sent_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, as_json: bool) -> None:
    (tmp_path / "trees").mkdir()
    (tmp_path / "trees" / "xgboost-model").write_bytes(b"x")
    rows = tmp_path / "rows.csv"
    rows.write_text("1,2\n")
    sent: list[tuple[bytes, str]] = []

    def invoke(body: bytes, content_type: str) -> tuple[ContainerReply, float]:
        sent.append((body, content_type))
        return ContainerReply(200, b"0.5\n", "text/csv"), 0.002

    answering = Answering()
    monkeypatch.setattr(answering, "invoke", invoke)
    arguments = [str(tmp_path / "trees"), "--body", str(rows), *(["--json"] if as_json else [])]
    ran = run(monkeypatch, answering, *arguments)
    assert sent == [(b"1,2\n", "text/csv")]
    if as_json:
        found = json.loads(ran.stdout)
        assert (found["body"], found["content_type"], found["call_seconds"]) == ("0.5\n", "text/csv", 0.002)
    else:
        assert ran.stdout == "0.5\n"
        assert "in 1.2 s, answered in 2.0 ms, 45.0 MB of memory" in ran.stderr
    run(monkeypatch, answering, *arguments, "--content-type", "text/libsvm")
    assert sent[1] == (b"1,2\n", "text/libsvm")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-i", "x=1"], "--input is for models of Triton; the xgboost image takes bytes"),
        (["--content-type", "text/csv"], "--content-type is for bytes"),
        (
            ["--body", "rows.csv", "-i", "x=1"],
            "--body sends bytes as they are; --input can't be given with it",
        ),
        (["--body", "absent.csv"], "absent.csv can't be read: no such file or directory"),
    ],
)
def test_a_body_and_tensors_exclude_each_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "trees").mkdir()
    (tmp_path / "trees" / "xgboost-model").write_bytes(b"x")
    answering = Answering()
    ran = run(monkeypatch, answering, str(tmp_path / "trees"), *arguments)
    assert isinstance(ran.exception, MmeError)
    assert ran.exception.message == message
    assert not answering.opened


def test_what_is_no_archive_is_one_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "sk").mkdir()
    (tmp_path / "sk" / "m.joblib").write_text("hello")
    for path in (tmp_path / "text.txt", tmp_path / "sk"):
        answering = Answering()
        ran = run(monkeypatch, answering, str(path))
        assert isinstance(ran.exception, MmeError)
        assert ran.exception.message.startswith(f"{path}: ")
        assert ran.exception.hint
        assert (ran.output, answering.opened) == ("", [])


def test_a_skeleton_that_is_not_built_names_its_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    new_model("sk", "sklearn", tmp_path)
    ran = run(monkeypatch, Answering(), str(tmp_path / "sk"))
    assert isinstance(ran.exception, MmeError)
    assert ran.exception.hint == f"run: python {tmp_path / 'build_sk.py'}"
    assert ran.output == ""


def test_scikit_learn_needs_the_program_of_the_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SAGEMAKER_PROGRAM", raising=False)
    (tmp_path / "sk").mkdir()
    (tmp_path / "sk" / "model.joblib").write_bytes(b"\x80\x05N.")
    ran = CliRunner().invoke(app, ["models", "try", str(tmp_path / "sk")])
    assert isinstance(ran.exception, MmeError)
    assert "SAGEMAKER_PROGRAM is not set" in ran.exception.message
    assert "--to onnx" in (ran.exception.hint or "")


@pytest.mark.nightly
@pytest.mark.slow
def test_a_real_scikit_learn_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sk").mkdir()
    estimator = DummyClassifier(strategy="prior").fit([[0], [1]], [0, 1])
    joblib.dump(estimator, tmp_path / "sk" / "model.joblib")
    (tmp_path / "rows.csv").write_text("1\n")
    monkeypatch.chdir(EXAMPLES / "scikit_learn")
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "inference.py")
    monkeypatch.setenv("SAGEMAKER_SUBMIT_DIRECTORY", "code")
    ran = CliRunner().invoke(
        app, ["models", "try", str(tmp_path / "sk"), "--body", str(tmp_path / "rows.csv"), "--json"]
    )
    assert ran.exception is None, ran.output
    assert json.loads(ran.stdout)["body"] == [[0.5, 0.5]]


@pytest.mark.parametrize("wrong", ["X=1,2", "Z=1", "X"])
def test_wrong_inputs_are_errors(monkeypatch: pytest.MonkeyPatch, model: Path, wrong: str) -> None:
    assert isinstance(run(monkeypatch, Answering(), str(model), "-i", wrong).exception, MmeError)


def test_without_the_local_endpoint_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    monkeypatch.setattr(models_try, "entry_points", lambda **_: [])
    ran = CliRunner().invoke(app, ["models", "try", str(model)])
    assert isinstance(ran.exception, MmeError)
    assert ran.exception.hint == 'pip install "sagemaker-mme[local]"'


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.skipif(why_not_here() is not None, reason=f"Triton's wheel can't run here: {why_not_here()}")
def test_a_real_onnx_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "colours" / "1").mkdir(parents=True)
    (tmp_path / "colours" / "config.pbtxt").write_text(onnx_models.config("STRING", "[ 1 ]", output="INT64"))
    (tmp_path / "colours" / "1" / "model.onnx").write_bytes(onnx_models.categories().SerializeToString())
    # Not under tmp_path, which may be too long for a Unix socket.
    with tempfile.TemporaryDirectory() as scratch:
        monkeypatch.setattr(tempfile, "tempdir", scratch)
        ran = CliRunner().invoke(
            app, ["models", "try", str(tmp_path / "colours"), "-i", "X=red,grün,blue", "--json"]
        )
        assert list(Path(scratch).iterdir()) == []
    assert ran.exception is None, ran.output
    found = json.loads(ran.stdout)
    assert found["outputs"]["Y"]["data"] == [[7], [8], [-1]]
    assert found["onnxruntime_difference"] == 0
    assert found["memory_bytes"] > 10_000_000
