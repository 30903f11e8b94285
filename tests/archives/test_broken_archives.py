"""Each broken archive gets its own code and its own words."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mme.archives import explain
from mme.archives.finding_codes import CODES
from mme.archives.gzip_stream import Limits
from mme.catalog.images import Processor
from tests.archives.archive_builder import (
    CALLING_CODE,
    CODE,
    CONFIG,
    ENSEMBLE,
    FLAT,
    LFS_POINTER,
    PIPELINE,
    STEP,
    TENSORS,
    edited,
    flat,
    member,
    nameless,
    pack,
    pipeline,
    tar,
    with_kind,
    with_link,
)

CPU = {"processor": Processor.CPU}
GROUP = "instance_group [ { kind: %s gpus: [ %d ] } ]"
ENVIRONMENT = 'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "%s" } }'


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.pbtxt", CONFIG)
    return buffer.getvalue()


def bad_checksum(content: bytearray) -> None:
    content[148:156] = b"0000000\0"


def second_header_broken(content: bytearray) -> None:
    content[1024 + 100 : 1024 + 108] = b"zzzzzzz\0"


def huge_pax_header() -> bytes:
    info = member("x", b"", tarfile.XHDTYPE)
    info.size = 2**33
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + tar(FLAT), mtime=0)


def broken_pax_header() -> bytes:
    info = member("x", b"", tarfile.XHDTYPE)
    info.size = 512
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"nonsense".ljust(512, b"!") + tar(FLAT), mtime=0)


WHOLE = pack(FLAT)
CASES: dict[str, tuple[bytes, str, str]] = {
    # the file
    "empty file": (b"", "empty-file", "the file is empty"),
    "zip": (zipped(), "other-compression", "it is a zip file"),
    "bzip2": (bz2.compress(tar(FLAT)), "other-compression", "compressed with bzip2"),
    "xz": (lzma.compress(tar(FLAT)), "other-compression", "compressed with xz"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(50), "other-compression", "compressed with zstd"),
    "a server's error page": (b"<?xml version='1.0'?><Error/>", "other-compression", "a server's error page"),
    "a pickle": (b"\x80\x04\x95" + bytes(50), "other-compression", "a Python pickle"),
    "uncompressed tar": (tar(FLAT), "not-compressed", "it is an uncompressed tar"),
    "Git LFS pointer": (LFS_POINTER.encode(), "lfs-pointer", "a Git LFS pointer"),
    "something else": (b"hello there", "not-gzip", "it starts with b'hello th'"),
    "gzip of gzip": (gzip.compress(WHOLE), "not-a-tar", "what is inside is compressed with gzip"),
    "gzip of one file": (gzip.compress(CODE.encode()), "not-a-tar", "what is inside is no tar"),
    "cut off in the middle": (WHOLE[:-40], "truncated", "ends in the middle, after"),
    "cut off in the checksum": (WHOLE[:-3], "truncated", "ends in the middle"),
    "a bit flipped": (WHOLE[:-6] + bytes([WHOLE[-6] ^ 1]) + WHOLE[-5:], "gzip-damaged", "incorrect checksum"),
    "a block overwritten": (WHOLE[:20] + b"\xff" * 9 + WHOLE[29:], "gzip-damaged", "is damaged near byte"),
    "bytes after the end": (WHOLE + b"junk", "trailing-data", "4 bytes follow the gzip data"),
    "a second tar appended": (gzip.compress(tar(FLAT) * 2), "data-after-end", "as of a second tar"),
    "no end mark": (gzip.compress(tar(FLAT)[:2048]), "tar-not-ended", "no end mark"),
    "tar cut off in a file": (
        gzip.compress(tar(FLAT)[:600]),
        "tar-truncated",
        "in the middle of config.pbtxt",
    ),
    "tar cut off in a header": (gzip.compress(tar(FLAT)[:1300]), "tar-truncated", "after config.pbtxt"),
    "first header broken": (edited(bad_checksum), "not-a-tar", "what is inside is an uncompressed tar"),
    "second header broken": (edited(second_header_broken), "tar-damaged", "after config.pbtxt"),
    "extended header of 8 GB": (huge_pax_header(), "header-too-large", "8589934592 bytes"),
    "broken pax header": (broken_pax_header(), "pax-damaged", "a pax header of the tar is damaged"),
    "empty tar": (pack({}), "empty-archive", "holds no file"),
    "only directories": (pack({"1": None}), "empty-archive", "holds directories only"),
    # members
    "absolute path": (pack({**FLAT, "/etc/passwd": "x"}), "absolute-path", "/etc/passwd has an absolute"),
    "parent directory": (pack({**FLAT, "1/../../x": "x"}), "path-escapes", "1/../../x leads out"),
    "empty-named directory": (nameless("/", tarfile.DIRTYPE), "empty-name", "a directory has an empty name"),
    "nameless file": (nameless("", tarfile.REGTYPE), "nameless-file", "has no name"),
    "symbolic link": (
        with_link("1/w", "/opt/w", tarfile.SYMTYPE),
        "symlink",
        "1/w is a symbolic link to /opt/w",
    ),
    "hard link": (with_link("1/w", "1/model.py", tarfile.LNKTYPE), "hardlink", "a hard link to 1/model.py"),
    "named pipe": (with_kind("1/p", tarfile.FIFOTYPE), "special-file", "1/p is a named pipe"),
    "device": (with_kind("1/d", tarfile.CHRTYPE), "special-file", "1/d is a device"),
    "unknown kind": (with_kind("1/u", b"Z"), "special-file", "1/u is of an unknown kind"),
    "file twice": (
        pack(FLAT, (member("config.pbtxt", CONFIG.encode()), CONFIG.encode())),
        "duplicate-member",
        "config.pbtxt is in the archive twice",
    ),
    "file and directory": (
        pack({**FLAT, "a": "x", "a/b": "y"}),
        "path-conflict",
        "a is a file and a directory",
    ),
    "Windows path": (pack({**FLAT, "1\\weights": "x"}), "backslash-path", "holds a backslash"),
    "line break in a name": (pack({**FLAT, "1/a\nb": "x"}), "control-character", "'1/a\\nb' holds"),
    "name not UTF-8": (pack({**FLAT, "1/\udcff": "x"}), "name-encoding", "is not UTF-8"),
    "name too long": (pack({**FLAT, "1/" + "n" * 300: "x"}), "name-too-long", "longer than a file system"),
    "macOS files": (
        pack({**FLAT, "._config.pbtxt": "x", "1/.DS_Store": "x"}),
        "junk",
        "._config.pbtxt, 1/.DS",
    ),
    "PaxHeader directory": (pack({**FLAT, "PaxHeaders.1/x": "x"}), "pax-leftovers", "a tar program took"),
    # layout
    "two wrappers": (
        pack({"a/b/" + k: v for k, v in FLAT.items()}),
        "wrapper-directory",
        "2 levels deep, in a/b/",
    ),
    "no config, flat": (pack({"1/model.py": CODE}), "config-missing", "1/ lies at the root"),
    "config misnamed": (
        pack({"config.pbtxt.txt": CONFIG, "1/model.py": CODE}),
        "config-misnamed",
        "must be called",
    ),
    "config misnamed in a directory": (
        pack({"m/Config.pbtxt": CONFIG, "m/x/model.py": CODE}),
        "config-misnamed",
        "m/Config.pbtxt must be",
    ),
    "config is a directory": (
        pack({"config.pbtxt/x": "", "1/model.py": CODE}),
        "config-directory",
        "is a directory",
    ),
    "no config in a directory": (pack({"m/1/model.onnx": "x"}), "config-auto", "m/config.pbtxt is missing"),
    "several models": (
        pack({**STEP, "b/config.pbtxt": CONFIG}),
        "several-models",
        "holds 2 models: b, first",
    ),
    "a stray directory": (
        pack({**STEP, "docs/x": ""}),
        "stray-directory",
        "beside the model first/ lies docs/",
    ),
    "two ensembles": (
        pack({**PIPELINE, "outer/config.pbtxt": ENSEMBLE, "outer/1": None}),
        "several-ensembles",
        "2 ensembles: both, outer",
    ),
    "ensemble in single quotes": (
        pack(pipeline(**{'"ensemble"': "'ensemble'"})),
        "ensemble-not-recognised",
        "the SageMaker server does not see it",
    ),
    "ensemble in a comment": (
        pack({"m/config.pbtxt": '# platform: "ensemble"\n' + CONFIG, "m/1/model.py": CODE}),
        "ensemble-in-text",
        "in a comment or a text",
    ),
    "a model that is never loaded": (
        pack({**PIPELINE, "x/config.pbtxt": CONFIG}),
        "idle-model",
        "never loaded: x/",
    ),
    "nothing known": (pack({"notes.txt": "x"}), "framework-unknown", "it holds notes.txt"),
    "two frameworks": (
        pack({"model.pth": "x", "model.joblib": "x"}),
        "framework-unclear",
        "PyTorch or of scikit",
    ),
    # config
    "config not UTF-8": (pack(flat(CONFIG.encode() + b'name: "\xff"')), "config-encoding", "not UTF-8 text"),
    "config with BOM": (pack(flat("\ufeff" + CONFIG)), "config-encoding", "a byte order mark"),
    "config syntax": (pack(flat(CONFIG + "}")), "config-syntax", "line 4, column 1"),
    "unknown field": (pack(flat(CONFIG + "bakend: 'x'")), "config-syntax", '"bakend"'),
    "unknown type": (pack(flat(CONFIG.replace("TYPE_FP32", "FP32"))), "config-syntax", "FP32"),
    "nameless tensor": (pack(flat(CONFIG.replace('name: "X"', ""))), "config-tensor-name", "an input in"),
    "input twice": (
        pack(flat(CONFIG + TENSORS)),
        "config-tensor-twice",
        "the input X in config.pbtxt is declared",
    ),
    "no data_type": (
        pack(flat(CONFIG.replace("data_type: TYPE_FP32", ""))),
        "config-tensor-type",
        "the input X in config.pbtxt has no data_type",
    ),
    "dim 0": (pack(flat(CONFIG.replace("[ 3 ]", "[ 0 ]"))), "config-tensor-dims", "has the dim 0"),
    "no dims": (pack(flat(CONFIG.replace("dims: [ 3 ]", ""))), "config-tensor-dims", "has no dims"),
    "image with one dim": (
        pack(flat(CONFIG.replace('"X"', '"X" format: FORMAT_NCHW'))),
        "config-tensor-format",
        "has 1 dims; NHWC and NCHW need 3",
    ),
    "reshape": (
        pack(flat(CONFIG.replace("[ 3 ]", "[ 3 ] reshape { shape: [ 4 ] }", 1))),
        "config-reshape",
        "dims [3] reshaped to [4]",
    ),
    "negative batch": (
        pack(flat(CONFIG + "max_batch_size: -1")),
        "config-batch-size",
        "max_batch_size is -1",
    ),
    "batch above the largest": (
        pack(flat(CONFIG + "max_batch_size: 4 dynamic_batching { preferred_batch_size: [ 8 ] }")),
        "config-batching",
        "prefers batches of 8",
    ),
    "batch input of nothing": (
        pack(flat(CONFIG + 'batch_input { target_name: "Q" data_type: TYPE_FP32 source_input: "NO" }')),
        "config-batch-tensor",
        "names the unknown NO",
    ),
    "no inputs": (pack(flat('backend: "python"')), "config-no-inputs", "declares no inputs"),
    "tensors left to Triton": (
        pack({"config.pbtxt": 'backend: "onnxruntime"', "1/model.onnx": "x"}),
        "config-incomplete",
        "leaves the inputs to Triton",
    ),
    "other name": (
        pack({"m/config.pbtxt": CONFIG + 'name: "n"', "m/1/model.py": CODE}),
        "config-name",
        "calls the model 'n'",
    ),
    "unknown platform": (pack(flat('platform: "nope"' + TENSORS)), "platform-unknown", "platform 'nope'"),
    "platform for backend": (
        pack(flat('platform: "python"' + TENSORS)),
        "platform-unknown",
        "platform 'python'",
    ),
    "platform against backend": (
        pack(
            {
                "config.pbtxt": 'platform: "tensorrt_plan" backend: "onnxruntime"' + TENSORS,
                "1/model.onnx": "x",
            }
        ),
        "platform-mismatch",
        "'tensorrt_plan' with the backend 'onnxruntime'",
    ),
    "no backend": (pack({"config.pbtxt": TENSORS, "1/net": "x"}), "backend-missing", "names no backend"),
    "foreign backend": (
        pack({"config.pbtxt": 'backend: "mine"' + TENSORS, "1/net": "x"}),
        "backend-unknown",
        "'mine' of the model is not in AWS's",
    ),
    "TensorFlow": (
        pack({"config.pbtxt": 'platform: "tensorflow_graphdef"' + TENSORS, "1/model.graphdef": "x"}),
        "tensorflow-aging",
        "images from 25.04 on do not have",
    ),
    "needs a GPU": (pack(flat(CONFIG + "instance_group { kind: KIND_GPU }")), "gpu-only", "is KIND_GPU"),
    "gpus of a CPU group": (
        pack(flat(CONFIG + GROUP % ("KIND_CPU", 0))),
        "instance-group",
        "KIND_CPU but lists",
    ),
    "second GPU": (pack(flat(CONFIG + GROUP % ("KIND_AUTO", 1))), "gpu-id", "names GPU 1"),
    "decoupled": (
        pack(flat(CONFIG + "model_transaction_policy { decoupled: true }")),
        "decoupled",
        "refuses every",
    ),
    "sequences": (pack(flat(CONFIG + "sequence_batching {}")), "sequence", "different instances"),
    "cached and decoupled": (
        pack(flat(CONFIG + "response_cache { enable: true } sequence_batching {}")),
        "response-cache",
        "asks for response_cache",
    ),
    "repository agent": (
        pack(flat(CONFIG + 'model_repository_agents { agents { name: "relocation" } }')),
        "repository-agent",
        "agents relocation",
    ),
    "labels missing": (
        pack(flat(CONFIG.replace('"Y"', '"Y" label_filename: "labels.txt"'))),
        "label-missing",
        "labels.txt is missing",
    ),
    "warm-up data missing": (
        pack(
            flat(
                CONFIG
                + 'model_warmup { inputs { key: "X" value { data_type: TYPE_FP32 input_data_file: "x" } } }'
            )
        ),
        "warmup-missing",
        "warmup/x is missing",
    ),
    "environment missing": (
        pack(flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/env.tar.gz")),
        "environment-missing",
        "env.tar.gz is missing, the model's Python environment",
    ),
    "environment of the server's folder": (
        pack(flat(CONFIG + ENVIRONMENT % "env.tar.gz")),
        "environment-missing",
        "is relative",
    ),
    "environment of the image": (
        pack(flat(CONFIG + ENVIRONMENT % "/opt/env.tar.gz")),
        "environment-outside",
        "/opt/env.tar.gz lies outside",
    ),
    # versions and files
    "no version": (
        pack({"config.pbtxt": CONFIG, "model.py": CODE}),
        "version-missing",
        "lies beside config.pbtxt",
    ),
    "version is a file": (pack({"config.pbtxt": CONFIG, "1": CODE}), "version-missing", "1 is a file"),
    "version v1": (pack({"config.pbtxt": CONFIG, "v1/model.py": CODE}), "version-name", "v1/ is no version"),
    "version 001": (
        pack({"config.pbtxt": CONFIG, "001/model.py": CODE}),
        "version-name",
        "001/ is no version",
    ),
    "version 1.0": (
        pack({"config.pbtxt": CONFIG, "1.0/model.py": CODE}),
        "version-odd",
        "takes 1.0/ for version 1",
    ),
    "a directory 3rdparty": (
        pack({**FLAT, "3rdparty/x": ""}),
        "version-odd",
        "takes 3rdparty/ for version 3",
    ),
    "version of 20 digits": (pack({**FLAT, "9" * 20 + "/x": ""}), "version-overflow", "beyond 64 bits"),
    "version ignored": (pack({**FLAT, "02/model.py": CODE}), "version-ignored", "02/ looks like a version"),
    "policy asks for another": (
        pack(flat(CONFIG + "version_policy { specific { versions: [ 3 ] } }")),
        "version-missing",
        "asks for version 3, but there are only: 1",
    ),
    "policy asks for one more": (
        pack(flat(CONFIG + "version_policy { specific { versions: [ 1, 3 ] } }")),
        "version-absent",
        "asks for version 3",
    ),
    "policy of none": (
        pack(flat(CONFIG + "version_policy { latest {} }")),
        "version-none",
        "selects no version",
    ),
    "version empty": (
        pack({"config.pbtxt": 'backend: "mine"' + TENSORS, "1": None}),
        "version-empty",
        "1/ is empty",
    ),
    "file missing": (
        pack({"config.pbtxt": CONFIG, "1/main.py": CODE}),
        "model-file-missing",
        "1/model.py is missing",
    ),
    "newest without its file": (pack({**FLAT, "2/x": ""}), "model-file-missing", "2/model.py is missing"),
    "file is a directory": (
        pack({"config.pbtxt": CONFIG, "1/model.py/x": CODE}),
        "model-file-kind",
        "1/model.py is a directory",
    ),
    "saved model is a file": (
        pack({"config.pbtxt": 'platform: "tensorflow_savedmodel"' + TENSORS, "1/model.savedmodel": "x"}),
        "model-file-kind",
        "is a file; tensorflow_savedmodel needs a directory",
    ),
    "file is empty": (pack(flat(code="")), "model-file-empty", "1/model.py is an empty file"),
    "file is an LFS pointer": (
        pack({"config.pbtxt": 'backend: "onnxruntime"' + TENSORS, "1/model.onnx": LFS_POINTER}),
        "lfs-pointer",
        "1/model.onnx is a Git LFS pointer",
    ),
    "file outside": (
        pack(flat(CONFIG + 'default_model_filename: "../model.py"')),
        "model-file-outside",
        "leads out of 1/",
    ),
    "Python 2": (pack(flat(code="print 'x'")), "python-syntax", "line 1: Missing parentheses"),
    "no class": (pack(flat(code="class Model: pass")), "python-class", "no class TritonPythonModel"),
    "no execute": (pack(flat(code="class TritonPythonModel: pass")), "python-execute", "no method execute"),
    "calls what is missing": (pack(flat(code=CALLING_CODE)), "bls-missing", "model.py calls helper"),
    "calls what is not loaded": (
        pack({**PIPELINE, "first/1/model.py": CALLING_CODE, "helper/config.pbtxt": CONFIG}),
        "bls-not-loaded",
        "the code of first calls helper",
    ),
    # ensembles
    "ensemble at the root": (
        pack({"config.pbtxt": ENSEMBLE, "1": None}),
        "ensemble-step-missing",
        "at an archive's",
    ),
    "step missing": (
        pack(pipeline(**{'"first"': '"other"'})),
        "ensemble-step-missing",
        "step 0 of both/config.pbtxt names other",
    ),
    "step under another name": (
        pack({**PIPELINE, "first/config.pbtxt": CONFIG + 'name: "one"'}),
        "ensemble-step-name",
        "as a step it must be 'first'",
    ),
    "step of another version": (
        pack(pipeline(**{"model_version: -1": "model_version: 7"})),
        "ensemble-step-version",
        "asks for version 7 of first; loaded would be: 1",
    ),
    "step of itself": (pack(pipeline(**{'"first"': '"both"'})), "ensemble-loop", "is the ensemble itself"),
    "unknown tensor of a step": (
        pack(pipeline(**{'key: "X"': 'key: "Q"'})),
        "ensemble-map",
        "maps the input Q, and first has: X",
    ),
    "output that is never written": (
        pack(pipeline(ENSEMBLE + 'output { name: "Z" data_type: TYPE_FP32 dims: 3 }')),
        "ensemble-graph",
        "writes the output Z",
    ),
    "tensor of another type": (
        pack(pipeline(**{"TYPE_FP32": "TYPE_INT64"})),
        "ensemble-tensor",
        "INT64 in both/config.pbtxt and FP32 in first",
    ),
    "tensor of another shape": (pack(pipeline(**{"[ 3 ]": "[ 4 ]"})), "ensemble-tensor", "[4] in both"),
    "ensemble with a backend": (
        pack(pipeline(ENSEMBLE + 'backend: "python"')),
        "ensemble-config",
        "names the backend",
    ),
    "ensemble without steps": (
        pack(pipeline('platform: "ensemble"' + TENSORS)),
        "ensemble-config",
        "an ensemble without steps",
    ),
    # other containers
    "saved model at the root": (pack({"saved_model.pb": "x"}), "saved-model-root", "lies at the root"),
    "Keras file": (pack({"model.keras": "x"}), "keras-file", "model.keras is a Keras file"),
    "saved model too deep": (
        pack({"export/Servo/1/saved_model.pb": "x"}),
        "saved-model-missing",
        "export/Servo/1/saved_model.pb is not where",
    ),
    "saved model without variables": (
        pack({"1/saved_model.pb": "x"}),
        "variables-missing",
        "1/variables/ is missing",
    ),
    "weights too deep": (pack({"out/model.pth": "x"}), "weights-deep", "out/model.pth does not lie"),
    "two weights": (
        pack({"a.pth": "x", "b.pth": "x"}),
        "several-weights",
        "2 files of weights: a.pth, b.pth",
    ),
    "no code for PyTorch": (pack({"model.pth": "x"}), "code-missing", "the default code loads model.pth"),
    "code at the root": (
        pack({"model.pth": "x", "inference.py": ""}),
        "code-misplaced",
        "inference.py lies at",
    ),
    "requirements at the root": (
        pack({"model.pth": "x", "requirements.txt": ""}),
        "requirements-misplaced",
        "requirements.txt lies",
    ),
    "code with a fault": (pack({"model.pth": "x", "code/inference.py": "def"}), "code-syntax", "line 1"),
    "half a checkpoint": (
        pack({"model-symbol.json": "{}", "model-0000.params": "x"}),
        "mxnet-incomplete",
        "the shapes file model-shapes.json is missing",
    ),
    "scikit-learn too deep": (pack({"m/model.joblib": "x"}), "weights-deep", "m/model.joblib does not lie"),
    "scikit-learn without handler": (
        pack({"model.joblib": "x", "code/inference.py": ""}),
        "handler-missing",
        "has no model_fn",
    ),
    "XGBoost with more files": (
        pack({"xgboost-model": "x", "train.csv": "x"}),
        "several-weights",
        "train.csv",
    ),
    "XGBoost empty": (pack({"xgboost-model": ""}), "model-file-empty", "xgboost-model is an empty file"),
}

WITH_AN_ENDPOINT: dict[str, tuple[bytes, dict[str, Any], str, str]] = {
    "GPU group on CPUs": (
        pack(flat(CONFIG + "instance_group { kind: KIND_GPU }")),
        {"instance_type": "ml.m5.xlarge"},
        "instance-gpu",
        "instance group 0 in config.pbtxt is KIND_GPU, and the endpoint has no GPU",
    ),
    "TensorRT on CPUs": (
        pack({"config.pbtxt": 'platform: "tensorrt_plan"' + TENSORS, "1/model.plan": "x"}),
        CPU,
        "instance-gpu",
        "the backend tensorrt of config.pbtxt runs on a GPU only",
    ),
    "gpus of an automatic group on CPUs": (
        pack(flat(CONFIG + GROUP % ("KIND_AUTO", 0))),
        CPU,
        "instance-group",
        "lists gpus and the endpoint has none",
    ),
    "TensorFlow in a new image": (
        pack({"config.pbtxt": 'platform: "tensorflow_graphdef"' + TENSORS, "1/model.graphdef": "x"}),
        {"image_version": "26.05"},
        "tensorflow-removed",
        "Triton 26.05 has no TensorFlow backend",
    ),
    "Triton's archive for another container": (
        pack({"model-symbol.json": "{}"}),
        {"framework": "triton"},
        "framework-mismatch",
        "for MXNet, not for Triton",
    ),
    "no weights": (pack({"readme": "x"}), {"framework": "pytorch"}, "weights-missing", "no .pth or .pt file"),
    "too many files": (
        pack({str(number): "x" for number in range(20)}),
        {"limits": Limits(members=10)},
        "too-many-members",
        "more than 10 files",
    ),
    "too large": (
        pack({**FLAT, "1/w": bytes(100_000)}),
        {"limits": Limits(unpacked_bytes=50_000)},
        "too-large",
        "it unpacks to more than",
    ),
    "a bomb": (
        pack({**FLAT, "1/w": bytes(3_000_000)}),
        {"limits": Limits(ratio_from_bytes=1_000_000)},
        "bomb",
        "more than 500 times as much",
    ),
}


@pytest.mark.parametrize(("content", "code", "words"), CASES.values(), ids=CASES)
def test_a_broken_archive_gets_its_own_message(content: bytes, code: str, words: str) -> None:
    found = explain(io.BytesIO(content))
    assert code in found.codes
    finding = next(one for one in found.findings if one.code == code)
    assert words in finding.message
    assert finding.hint
    assert found.servable is not any(one.severity == "error" for one in found.findings)


@pytest.mark.parametrize(
    ("content", "options", "code", "words"), WITH_AN_ENDPOINT.values(), ids=WITH_AN_ENDPOINT
)
def test_what_is_wrong_for_one_endpoint(
    content: bytes, options: dict[str, Any], code: str, words: str
) -> None:
    found = explain(io.BytesIO(content), **options)
    assert code in found.codes
    assert words in next(one.message for one in found.findings if one.code == code)


def test_every_message_is_one_of_a_kind() -> None:
    """No two of the broken archives read the same, so each message says what is the matter."""
    said: dict[tuple[str, str], str] = {}
    for name, (content, code, _) in CASES.items():
        finding = next(one for one in explain(io.BytesIO(content)).findings if one.code == code)
        assert (other := said.setdefault((code, finding.message), name)) == name, f"{name} reads like {other}"
    assert len(said) >= 40


def test_every_code_has_its_broken_archive() -> None:
    """Those with tests of their own apart."""
    elsewhere = {"sparse-file", "huge", "unreadable", "empty-directory"}
    told = {code for _, code, _ in CASES.values()} | {code for _, _, code, _ in WITH_AN_ENDPOINT.values()}
    assert told | elsewhere == set(CODES)


def gnu_sparse(unpacked: int = 10**6) -> bytes:
    """A file of which 5 bytes are stored, and the rest is a hole."""
    info = member("1/weights", b"", tarfile.GNUTYPE_SPARSE)
    info.size = 5
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (0, 5)
    block[483:495] = b"\x80" + unpacked.to_bytes(11)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return gzip.compress(bytes(block) + b"hello".ljust(512, b"\0") + tar(FLAT), mtime=0)


def test_a_sparse_file_weighs_what_it_unpacks_to() -> None:
    found = explain(io.BytesIO(gnu_sparse()))
    assert found.codes == ("sparse-file",)
    assert found.unpacked_bytes == 10**6 + len(CONFIG) + len(CODE)


def test_more_than_the_memory() -> None:
    content = gnu_sparse(unpacked=20 * 2**30)
    assert "huge" not in explain(io.BytesIO(content)).codes
    found = explain(io.BytesIO(content), instance_type="ml.g4dn.xlarge")
    assert "it unpacks to 20.0 GiB; the GPU of ml.g4dn.xlarge has 16 GiB" in found.warnings[0].message
    assert found.servable


def test_an_empty_directory(tmp_path: Path) -> None:
    found = explain(tmp_path)
    assert found.codes == ("empty-directory",)
    assert not found.servable
