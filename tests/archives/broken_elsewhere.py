"""Archives that are wrong for containers other than Triton's, or for one endpoint."""

from __future__ import annotations

from typing import Any

from mme.archives.gzip_stream import Limits
from mme.catalog.images import Processor
from tests.archives.archive_builder import (
    CONFIG,
    FLAT,
    TENSORS,
    flat,
    pack,
)
from tests.archives.model_files.saved_model_builder import saved_model

CPU = {"processor": Processor.CPU}
GROUP = "instance_group [ { kind: %s gpus: [ %d ] } ]"


CONTAINERS: dict[str, tuple[bytes, str, str]] = {
    # other containers
    "saved model at the root": (pack({"saved_model.pb": "x"}), "saved-model-root", "is at the root"),
    "Keras file": (pack({"model.keras": "x"}), "keras-file", "model.keras is a Keras file"),
    "saved model too deep": (
        pack({"export/Servo/1/saved_model.pb": "x"}),
        "saved-model-missing",
        "export/Servo/1/saved_model.pb is not in a version",
    ),
    "saved model without variables": (
        pack({"1/saved_model.pb": "x"}),
        "variables-missing",
        "1/variables/ is missing",
    ),
    "saved model without a default signature": (
        pack({"1/saved_model.pb": saved_model("train"), "1/variables/x": "x"}),
        "signature-missing",
        "1/saved_model.pb has no signature serving_default",
    ),
    "weights too deep": (pack({"out/model.pth": "x"}), "weights-deep", "out/model.pth is not at"),
    "two weights": (
        pack({"a.pth": "x", "b.pth": "x"}),
        "several-weights",
        "2 files of weights: a.pth, b.pth",
    ),
    "saved by transformers": (
        pack({"config.json": "{}", "model.safetensors": "x"}),
        "transformers-model",
        "the PyTorch container can't load it",
    ),
    "no code for PyTorch": (pack({"model.pth": "x"}), "code-missing", "the default code loads model.pth"),
    "code at the root": (
        pack({"model.pth": "x", "inference.py": ""}),
        "code-misplaced",
        "inference.py is at",
    ),
    "requirements at the root": (
        pack({"model.pth": "x", "requirements.txt": ""}),
        "requirements-misplaced",
        "requirements.txt is",
    ),
    "code with a fault": (pack({"model.pth": "x", "code/inference.py": "def"}), "code-syntax", "line 1"),
    "half a checkpoint": (
        pack({"model-symbol.json": "{}", "model-0000.params": "x"}),
        "mxnet-incomplete",
        "the shapes file model-shapes.json is missing",
    ),
    "scikit-learn too deep": (pack({"m/model.joblib": "x"}), "weights-deep", "m/model.joblib is not at"),
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
    "scikit-learn of text": (
        pack({"m.joblib": "this is no pickle"}),
        "model-file-foreign",
        "m.joblib is not a saved estimator; it starts with b'this is '",
    ),
    "skops that is no zip file": (
        pack({"m.skops": b"\x80\x05N."}),
        "model-file-foreign",
        "m.skops is a Python pickle, not a saved estimator",
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
        "more than 10 members",
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
