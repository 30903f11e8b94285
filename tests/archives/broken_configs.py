"""Archives whose config.pbtxt is invalid or can't be satisfied."""

from __future__ import annotations

from mme.catalog.images import Processor
from tests.archives.archive_builder import (
    CODE,
    CONFIG,
    FLAT,
    TENSORS,
    flat,
    pack,
)

CPU = {"processor": Processor.CPU}
GROUP = "instance_group [ { kind: %s gpus: [ %d ] } ]"
WARMUP = 'model_warmup { name: "w" batch_size: 2 inputs { key: "X" value { zero_data: true %s } } }'
ENVIRONMENT = 'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "%s" } }'

BATCHING = CONFIG + "max_batch_size: 4 dynamic_batching { %s }"
DELAY = "default_timeout_microseconds: 9 timeout_action: DELAY"
PRIORITY = "priority_queue_policy { key: %d value { } } "
CONTROL = 'control_input { name: "%s" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } } '
OWN_ENVIRONMENT = ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/env.tar.gz"


CONFIGS: dict[str, tuple[bytes, str, str]] = {
    # config
    "config not UTF-8": (pack(flat(CONFIG.encode() + b'name: "\xff"')), "config-encoding", "not UTF-8 text"),
    "config with BOM": (pack(flat("\ufeff" + CONFIG)), "config-encoding", "a byte order mark"),
    "config syntax": (pack(flat(CONFIG + "}")), "config-syntax", "line 4, column 1"),
    "unknown field": (pack(flat(CONFIG + "bakend: 'x'")), "config-syntax", '"bakend"'),
    "a line of 500 kB": (pack(flat(CONFIG + "x" * 500_000)), "config-syntax", 'no field named "xxxx'),
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
    "batch input of two": (
        pack(flat(CONFIG + 'batch_input { target_name: "X" source_input: "X" source_input: "X" }')),
        "config-batch-tensor",
        "has 2 source inputs",
    ),
    "ordered and delayed": (
        pack(flat(BATCHING % f"preserve_ordering: true default_queue_policy {{ {DELAY} }}")),
        "config-batching",
        "has preserve_ordering and a timeout_action DELAY",
    ),
    "unknown priority": (
        pack(flat(BATCHING % ("priority_levels: 2 default_priority_level: 1 " + PRIORITY % 3))),
        "config-batching",
        "has the level 3; the levels are 1 to 2",
    ),
    "two controls of one kind": (
        pack(flat(CONFIG + f"sequence_batching {{ {CONTROL % 'A'} {CONTROL % 'B'} }}")),
        "config-batching",
        "two controls of one kind",
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
                + 'model_warmup { inputs { key: "X" '
                + 'value { data_type: TYPE_FP32 dims: 3 input_data_file: "x" } } }'
            )
        ),
        "warmup-missing",
        "warmup/x is missing",
    ),
    "warm-up without an input": (
        pack(flat(CONFIG + 'model_warmup { name: "w" batch_size: 1 }')),
        "warmup-input",
        "the warm-up w in config.pbtxt has no input X",
    ),
    "warm-up of other dims": (
        pack(flat(CONFIG + WARMUP % "data_type: TYPE_FP32 dims: [ 9, 9 ]")),
        "warmup-input",
        "has the dims [9, 9]; the model's are [3]",
    ),
    "warm-up of another type": (
        pack(flat(CONFIG + WARMUP % "data_type: TYPE_INT64 dims: 3")),
        "warmup-input",
        "has another data_type than the model's",
    ),
    "warm-up of a large batch": (
        pack(flat(CONFIG + "max_batch_size: 1 " + WARMUP % "data_type: TYPE_FP32 dims: 3")),
        "warmup-input",
        "has batches of 2; the maximum is 1",
    ),
    "a shape tensor": (
        pack(flat(CONFIG.replace('"Y"', '"Y" is_shape_tensor: true'))),
        "config-shape-tensor",
        "the output Y in config.pbtxt is a shape tensor",
    ),
    "only passive groups": (
        pack(flat(CONFIG + "instance_group { kind: KIND_CPU passive: true }")),
        "instance-group",
        "every instance group in config.pbtxt is passive",
    ),
    "batches of no inputs": (
        pack(flat('backend: "python" max_batch_size: 4 output { name: "Y" data_type: TYPE_FP32 dims: 3 }')),
        "config-no-batch",
        "Triton finds no batch in them",
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
    "environment out of the archive": (
        pack(flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/1/../../env")),
        "environment-missing",
        "leads out of the archive, to ../env",
    ),
    "environment one folder up": (
        pack(flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/..")),
        "environment-missing",
        "leads out of the archive, to ..",
    ),
    "environment without activate": (
        pack(flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY//env/", env__lib="x")),
        "environment-broken",
        "env/bin/activate is missing",
    ),
    "environment that is no archive": (
        pack({**flat(CONFIG + ENVIRONMENT % "$$TRITON_MODEL_DIRECTORY/./e.tar.gz"), "e.tar.gz": "x"}),
        "environment-broken",
        "e.tar.gz is not a tar or tar.gz",
    ),
    "environment archive without activate": (
        pack({**flat(CONFIG + OWN_ENVIRONMENT), "env.tar.gz": pack({"myenv/bin/activate": "x"})}),
        "environment-broken",
        "env.tar.gz has no bin/activate at its root",
    ),
    "environment archive that is cut off": (
        pack({**flat(CONFIG + OWN_ENVIRONMENT), "env.tar.gz": pack({"x": "y" * 9000})[:-20]}),
        "environment-broken",
        "env.tar.gz has no bin/activate",
    ),
    "stub without its executable bit": (
        pack(flat(triton_python_backend_stub="x")),
        "stub-not-executable",
        "triton_python_backend_stub is not executable",
    ),
    "requirements of packages": (
        pack({**FLAT, "requirements.txt": "numpy"}),
        "requirements-ignored",
        "requirements.txt is ignored",
    ),
    "environment of the image": (
        pack(flat(CONFIG + ENVIRONMENT % "/opt/env.tar.gz")),
        "environment-outside",
        "/opt/env.tar.gz is outside",
    ),
}
