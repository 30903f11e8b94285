"""mme invoke."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mme.cli.answers import body_json
from mme.client.multi_model_client import Reply
from mme.registry.aliases import AliasStore

REGISTRY = Path(__file__).parents[2] / "model_registry"


@pytest.fixture
def published(aws, mme):
    """add_sub and digits are there."""
    assert mme("models", "add", REGISTRY / "add_sub", REGISTRY / "digits").status == 0
    return aws


def test_table(published, mme) -> None:
    ran = mme("invoke", "add_sub_v0.tar.gz", "--input", "INPUT0=1,2,3,4", "--input", "INPUT1=10,20,30,40")
    assert ran.status == 0
    assert [line.split("\t") for line in ran.out.splitlines()] == [
        ["OUTPUT", "TYPE", "SHAPE", "VALUES"],
        ["OUTPUT0", "FP32", "[4]", "11, 22, 33, 44"],
        ["OUTPUT1", "FP32", "[4]", "-9, -18, -27, -36"],
    ]
    assert ran.err.startswith("add_sub_v0.tar.gz answered in")


def test_inputs_as_json(aws, mme) -> None:
    ran = mme("invoke", "echo.tar.gz", "-i", 'S:BYTES=["a, b","c"]', "-i", "X=[[1,2],[3,4]]")
    assert [line.split("\t")[2:] for line in ran.out.splitlines()[1:]] == [
        ["[2]", '"a, b", "c"'],
        ["[2, 2]", "1, 2, 3, 4"],
    ]


def test_json(published, mme) -> None:
    ran = mme("invoke", "add_sub_v0.tar.gz", "-i", "INPUT0=1,2,3,4", "-i", "INPUT1=1,2,3,4", "--json")
    assert ran.json["model"] == "add_sub_v0.tar.gz"
    assert ran.json["endpoint"] == "mme-local"
    assert ran.json["outputs"]["OUTPUT0"] == {"datatype": "FP32", "shape": [4], "data": [2, 4, 6, 8]}
    assert ran.json["milliseconds"] > 0


def test_picture_with_the_likeliest_classes(published, mme, tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    Image.new("L", (16, 16), 255).save(path)
    ran = mme("invoke", "digits_v0.tar.gz", "--image", path)
    assert ran.status == 0
    found = next(line.split("\t") for line in ran.out.splitlines() if line.startswith("probabilities"))
    assert found[1:3] == ["FP32", "[1, 10]"]
    assert found[3].startswith("class 7: 0.9000; class 8: 0.0200; class 9: 0.0100; ")


def test_classes_of_a_batch(published, mme) -> None:
    values = ",".join(["0"] * 128)
    ran = mme("invoke", "digits_v0.tar.gz", "-i", f"image={values}")
    assert "; item 1: 7 (0.900), 8 (0.020), " in ran.out


def test_long_vectors_are_no_classes(aws, mme) -> None:
    ran = mme("invoke", "echo.tar.gz", "-i", "A=" + ",".join(["0.5"] * 200))
    assert "class" not in ran.out
    assert "0.5, 0.5, ... (--json prints all 200)" in ran.out


def test_json_of_numbers_that_json_lacks(aws, mme) -> None:
    ran = mme("invoke", "echo.tar.gz", "-i", "A=nan,inf,-inf,1", "--json")
    outputs = json.loads(ran.out, parse_constant=pytest.fail)["outputs"]
    assert outputs["A"]["data"] == ["NaN", "Infinity", "-Infinity", 1]


def test_printed_and_saved_json_is_an_input(aws, mme, tmp_path: Path) -> None:
    given = [
        "invoke",
        "echo.tar.gz",
        "-i",
        "A=nan,inf,1",
        "-i",
        "E=",
        "-i",
        "S:BYTES=hé",
        "--output",
        tmp_path / "saved.json",
    ]
    printed = mme(*given, "--json")
    (tmp_path / "printed.json").write_text(printed.out)
    for name in ("saved.json", "printed.json"):
        again = mme("invoke", "echo.tar.gz", "--json-input", tmp_path / name, "--json")
        assert again.json["outputs"] == printed.json["outputs"], again.err
    assert printed.json["outputs"]["E"] == {"datatype": "FP32", "shape": [0], "data": []}


def test_a_name_is_its_newest_version(aws, published, mme) -> None:
    for version in (2, 10):
        aws.copy_object(
            Bucket="models",
            Key=f"models/add_sub_v{version}.tar.gz",
            CopySource="models/models/add_sub_v0.tar.gz",
        )
    ran = mme("invoke", "add_sub", "-i", "INPUT0=1,2,3,4", "-i", "INPUT1=1,2,3,4", "--json")
    assert ran.json["model"] == "add_sub_v10.tar.gz", ran.err


def test_a_declared_output_that_is_missing(aws, mme, tmp_path: Path) -> None:
    shutil.copytree(REGISTRY / "add_sub", tmp_path / "echo")
    config = tmp_path / "echo" / "config.pbtxt"
    config.write_text(config.read_text().replace('"add_sub"', '"echo"'))
    assert mme("models", "add", tmp_path / "echo").status == 0
    ran = mme("invoke", "echo", "-i", "INPUT0=1,2,3,4", "-i", "INPUT1=1,2,3,4")
    assert (ran.status, ran.out) == (2, "")
    assert "echo_v0.tar.gz did not return OUTPUT0, OUTPUT1; it returned INPUT0, INPUT1" in ran.err


def test_help_keeps_its_brackets(mme) -> None:
    ran = mme("invoke", "--help")
    text = " ".join(ran.out.replace("│", " ").split())
    assert '{"NAME": [values]}' in text
    assert 'NAME=[[1,2],[3,4]], NAME=["a, b","c"]' in text
    assert '"-Infinity"' in ran.out


def test_files(published, mme, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(4, dtype=np.float32))
    (tmp_path / "in.json").write_text(json.dumps({"INPUT1": [1, 1, 1, 1]}))
    files = ["-i", f"INPUT0=@{tmp_path / 'x.npy'}", "--json-input", tmp_path / "in.json"]
    ran = mme("invoke", "add_sub_v0.tar.gz", *files, "--json")
    assert ran.json["outputs"]["OUTPUT0"]["data"] == [1, 2, 3, 4]


def test_model_without_a_published_signature(aws, mme) -> None:
    ran = mme("invoke", "tenant-a/echo_v0.tar.gz", "-i", "A:INT64=1,2", "-i", "S:BYTES=hé,[b]", "-i", "F=0.5")
    assert ran.status == 0, ran.err
    assert '"hé", "[b]"' in ran.out
    outputs = mme("invoke", "echo.tar.gz", "-i", "A:INT64=1,2", "-i", "S:BYTES=hé", "--json").json["outputs"]
    assert outputs == {
        "A": {"datatype": "INT64", "shape": [2], "data": [1, 2]},
        "S": {"datatype": "BYTES", "shape": [1], "data": ["hé"]},
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add_sub_v0.tar.gz"], "no input is given"),
        (["add_sub_v0.tar.gz", "-i", "INPUT0"], "not of the form NAME=VALUES"),
        (["add_sub_v0.tar.gz", "-i", "WRONG=1"], "no input WRONG"),
        (["add_sub_v0.tar.gz", "-i", "INPUT0=1"], "does not fit FP32 [4]"),
        (["add_sub_v0.tar.gz", "-i", "INPUT0=1,2,3,4", "-i", "INPUT0=1,2,3,4"], "given twice"),
        (["add_sub_v0.tar.gz", "--image", "x.png"], "takes no picture"),
        (["digits_v0.tar.gz", "--image", "absent.png"], "absent.png can't be read"),
        (["absent_v0.tar.gz", "-i", "X=1"], "is not available to endpoint mme-local"),
        (["absent_v0.tar.gz", "--image", "x.png"], "the inputs of this model are unknown"),
        (["broken_v0.tar.gz", "-i", "X=1"], "broken_v0.tar.gz failed with status 400: boom"),
        (["a" * 1025, "-i", "X=1"], "has 1025 characters"),
        (["add_sub@prod", "-i", "X=1"], "there is no alias add_sub@prod"),
        (["echo.tar.gz", "-i", "X:FLOAT=1"], "'FLOAT' is not a Triton data type"),
        (["echo.tar.gz", "-i", "X=1", "-o", "out.txt"], "out.txt does not tell how to save tensors"),
        (["echo.tar.gz", "-i", "X=1", "-o", "absent/out.npz"], "absent/out.npz can't be written"),
        (["echo.tar.gz", "-i", "X=1", "-i", "Y=1", "-o", "out.npy"], "a .npy file holds one array"),
        (["echo.tar.gz", "-i", "X=1", "--parameter", "top"], "not of the form NAME=VALUE"),
        (["echo.tar.gz", "-i", "X=1", "--accept", "text/csv"], "--accept is for bytes"),
        (["echo.tar.gz", "-i", "X=1", "--body", "x.csv"], "--input can't be given with it"),
        (["echo.tar.gz", "--body", "absent.csv"], "absent.csv can't be read"),
        (
            ["echo.tar.gz", "--body", "absent.bin"],
            "the extension of absent.bin does not tell",
        ),
        (["echo.tar.gz", "--body", "x.csv", "-o", "."], ". is a directory"),
    ],
)
def test_bad_input_is_one_clear_line(published, mme, arguments: list[str], words: str) -> None:
    ran = mme("invoke", *arguments)
    assert ran.status == 2
    assert ran.err.startswith("error: ")
    assert words in ran.err.splitlines()[0]
    assert "Traceback" not in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--json-input", "nosuch.json"], "give the path of a file, or - for standard input"),
        (["--json-input", __file__], 'write {"INPUT0": [1, 2, 3, 4]} or a KServe v2 request'),
        (["--body", "nosuch.csv"], "give the path of a file, or - for standard input"),
        (
            ["-i", "INPUT0=1,2,3,4", "-i", "INPUT1=1,2,3,4", "--only", "OUTPUT7"],
            "it returns OUTPUT0 FP32 [4], OUTPUT1 FP32 [4]",
        ),
    ],
)
def test_an_error_is_followed_by_a_hint(published, mme, arguments: list[str], hint: str) -> None:
    ran = mme("invoke", "add_sub_v0.tar.gz", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert [line.strip() for line in ran.err.splitlines()[1:]] == [hint]


def test_payload_over_the_limit(aws, mme, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(25_000_001, np.uint8))
    ran = mme("invoke", "echo.tar.gz", "-i", f"X=@{tmp_path / 'x.npy'}")
    assert ran.status == 2
    assert "SageMaker accepts 25 MB" in ran.err


def test_large_payload_is_a_note_not_a_traceback(aws, mme, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(7_000_000, np.uint8))
    ran = mme("invoke", "echo.tar.gz", "-i", f"X=@{tmp_path / 'x.npy'}")
    assert ran.status == 0
    assert ran.err.startswith("warning: a request of 7.0 MB")


def test_a_caller_without_access_to_the_bucket(aws, mme) -> None:
    aws.delete_bucket(Bucket="models")
    assert mme("invoke", "echo.tar.gz", "-i", "X=1").status == 0


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("1,2\n3,4\n")
    return path


def test_bytes_for_a_framework_container(aws, mme, rows: Path) -> None:
    ran = mme("invoke", "xgb_v0.tar.gz", "--body", rows)
    assert (ran.status, ran.out) == (0, "1,2\n3,4\n")
    assert ran.err.startswith("xgb_v0.tar.gz answered in")
    ran = mme("invoke", "xgb_v0.tar.gz", "--body", rows, "--accept", "application/json", "--json")
    assert ran.json["body"] == {"rows": ["1,2", "3,4"], "type": "text/csv"}
    assert (ran.json["content_type"], ran.json["model"]) == ("application/json", "xgb_v0.tar.gz")
    ran = mme("invoke", "xgb_v0.tar.gz", "--body", rows, "--content-type", "application/x-own", "--json")
    assert ran.json["body_base64"] == "MSwyCjMsNAo="


def test_json_of_very_many_levels_is_text() -> None:
    flat, deep = ("[" * levels + "]" * levels for levels in (100, 101))
    assert body_json(Reply(flat.encode(), "application/json", "v"))["body"] == json.loads(flat)
    assert body_json(Reply(deep.encode(), "application/json", "v"))["body"] == deep


def test_binary_answers_go_to_pipes_and_files_as_they_are(aws, mme, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(3))
    content = (tmp_path / "x.npy").read_bytes()
    ran = mme("invoke", "m_v0.tar.gz", "--body", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    assert (ran.status, ran.out) == (0, "")
    assert (tmp_path / "y.npy").read_bytes() == content
    assert "bytes of application/x-npy" in ran.err


def test_standard_input(aws, mme, monkeypatch: pytest.MonkeyPatch) -> None:
    def standard_input(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    standard_input(b"5,6\n")
    assert mme("invoke", "m_v0.tar.gz", "--body", "-", "--content-type", "text/csv").out == "5,6\n"
    standard_input(b"5,6\n")
    ran = mme("invoke", "m_v0.tar.gz", "--body", "-")
    assert "standard input does not tell the content type" in ran.err
    standard_input(b'{"A": [1, 2]}')
    ran = mme("invoke", "echo.tar.gz", "--json-input", "-", "--json")
    assert ran.json["outputs"]["A"]["data"] == [1, 2]


def test_answers_are_saved(aws, mme, tmp_path: Path) -> None:
    given = ["invoke", "echo.tar.gz", "-i", "A:INT64=1,2", "-i", "S:BYTES=hé"]
    ran = mme(*given, "--output", tmp_path / "out.npz")
    assert ran.status == 0
    assert [line.partition(" answered in")[0] for line in ran.err.splitlines()] == [
        "echo.tar.gz",
        f"saved {tmp_path / 'out.npz'}",
    ]
    saved = np.load(tmp_path / "out.npz")
    assert (saved["A"].tolist(), saved["S"].tolist()) == ([1, 2], ["hé".encode()])
    mme(*given, "--output", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["S"]["data"] == ["hé"]
    mme("invoke", "echo.tar.gz", "-i", "A:INT64=1,2", "--output", tmp_path / "a.npy")
    assert np.load(tmp_path / "a.npy").tolist() == [1, 2]


def test_alias(published, mme) -> None:
    AliasStore(published, "models", "models/").point("add_sub@prod", "add_sub_v0.tar.gz")
    given = ["-i", "INPUT0=1,2,3,4", "-i", "INPUT1=1,2,3,4"]
    assert "add_sub_v0.tar.gz answered in" in mme("invoke", "add_sub@prod", *given).err
    ran = mme("invoke", "add_sub@prod", *given, "--json")
    assert (ran.json["model"], ran.json["alias"]) == ("add_sub_v0.tar.gz", "add_sub@prod")
    assert "data" in ran.json["outputs"]["OUTPUT0"]


def test_one_output_and_parameters_are_sent(aws, mme) -> None:
    ran = mme(
        "invoke", "echo.tar.gz", "-i", "A=1", "-i", "B=2", "--only", "A", "--parameter", "top=3", "--json"
    )
    outputs = ran.json["outputs"]
    assert list(outputs) == ["A", "PARAMETERS"]
    assert outputs["PARAMETERS"]["data"] == ['{"top": 3}']


@pytest.mark.parametrize("wrong", ["ad_sub", "ad_sub_v7.tar.gz", "add-sub_v0.tar.gz"])
def test_did_you_mean(published, mme, wrong: str) -> None:
    ran = mme("invoke", wrong, "-i", "X=1")
    assert ran.status == 2
    assert f"{wrong} is not available to endpoint mme-local" in ran.err
    assert ran.err.splitlines()[-1].startswith("did you mean add_sub_v0.tar.gz")
