"""Archives whose model.onnx is broken, or does not agree with config.pbtxt."""

from __future__ import annotations

from onnx import TensorProto, helper

from tests.archives.archive_builder import LFS_POINTER, pack
from tests.archives.onnx_builder import CONFIG, doubled, files, model, sequence, value, with_external

CONTROL = 'control_input { name: "START" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } }'
WEIGHTS = bytes(64)
RESHAPED = CONFIG.replace("[ 4 ]", "[ 1 ] reshape { shape: [ ] }")

ONNX: dict[str, tuple[bytes, str, str]] = {
    # the file
    "HTML": (pack(files(b"<!DOCTYPE html>")), "model-file-foreign", "1/model.onnx is HTML or XML"),
    "a ZIP": (pack(files(b"PK\x03\x04 and more")), "model-file-foreign", "is a zip file, not an ONNX model"),
    "noise": (pack(files(bytes(range(256)))), "model-file-foreign", "is not an ONNX model; it starts with"),
    "an LFS pointer": (pack(files(LFS_POINTER.encode())), "lfs-pointer", "1/model.onnx is a Git LFS pointer"),
    "cut off": (
        pack(files(doubled().SerializeToString()[:-20])),
        "model-file-truncated",
        "ends in the middle: 14 bytes are missing",
    ),
    "in a directory of its own": (
        pack({"config.pbtxt": CONFIG, "1/onnx/model.onnx": doubled().SerializeToString()}),
        "model-file-missing",
        "1/model.onnx is missing",
    ),
    "weights missing": (pack(files(with_external())), "onnx-external-missing", "1/weights.bin is missing"),
    "weights cut off": (
        pack(files(with_external(), **{"1/weights.bin": WEIGHTS[:60]})),
        "onnx-external-short",
        "1/weights.bin has 60 bytes; 1/model.onnx needs 64",
    ),
    "weights outside": (
        pack(files(with_external("../weights.bin"), **{"weights.bin": WEIGHTS})),
        "onnx-external-outside",
        "has weights in '../weights.bin', outside 1/",
    ),
    "custom operators": (
        pack(files(model([helper.make_node("Mine", ["X"], ["Y"], domain="acme")], domains=["acme"]))),
        "onnx-custom-operator",
        "has operators of acme",
    ),
    "newer operators": (
        pack(files(model(opset=90))),
        "onnx-opset",
        "has operator set 90; ONNX Runtime 1.24.4 of Triton 26.05",
    ),
    "no operator set": (pack(files(model(opset=None))), "model-file-foreign", "is not an ONNX model"),
    "newer format": (pack(files(model(ir_version=90))), "onnx-ir-version", "has IR version 90"),
    # the tensors
    "a sequence": (pack(files(sequence())), "onnx-tensor-kind", "the output Y of 1/model.onnx is a sequence"),
    "a sequence with a default": (
        pack(
            files(
                model(
                    inputs=[value("X"), helper.make_tensor_sequence_value_info("K", TensorProto.FLOAT, None)],
                    initializers=[helper.make_tensor("K", TensorProto.FLOAT, [1], [1.0])],
                )
            )
        ),
        "onnx-tensor-kind",
        "the input K of 1/model.onnx is a sequence",
    ),
    "a complex type": (
        pack(files(doubled(element=TensorProto.COMPLEX64))),
        "onnx-tensor-kind",
        "an element type that Triton does not have",
    ),
    "input's name": (
        pack(files(doubled(), CONFIG.replace('"X"', '"x"'))),
        "tensor-unknown",
        "config.pbtxt has the input x, which 1/model.onnx does not have; it has X",
    ),
    "output's name": (
        pack(files(doubled(), CONFIG.replace('"Y"', '"label"'))),
        "tensor-unknown",
        "config.pbtxt has the output label",
    ),
    "input left out": (
        pack(files(model([helper.make_node("Add", ["X", "B"], ["Y"])], [value("X"), value("B")]))),
        "tensor-missing",
        "1/model.onnx needs B, which config.pbtxt does not declare",
    ),
    "type": (
        pack(files(doubled(), CONFIG.replace("FP32", "INT32"))),
        "tensor-type",
        "the input X in config.pbtxt is TYPE_INT32; in 1/model.onnx it is TYPE_FP32",
    ),
    "output's type": (
        pack(files(doubled(element=TensorProto.STRING))),
        "tensor-type",
        "it is TYPE_STRING",
    ),
    "dims": (
        pack(files(doubled(), CONFIG.replace("[ 4 ]", "[ 5 ]"))),
        "tensor-dims",
        "the input X in config.pbtxt has the shape [-1, 5]; in 1/model.onnx it is [-1, 4]",
    ),
    "any size over a fixed one": (
        pack(files(doubled(), CONFIG.replace("[ 4 ]", "[ -1 ]"))),
        "tensor-dims",
        "has the shape [-1, -1]; in 1/model.onnx it is [-1, 4]",
    ),
    "rank": (pack(files(doubled(("N", 2, 2)))), "tensor-dims", "in 1/model.onnx it is [-1, 2, 2]"),
    "label without reshape": (
        pack(files(doubled(("N",)), CONFIG.replace("[ 4 ]", "[ 1 ]"))),
        "tensor-dims",
        "has the shape [-1, 1]; in 1/model.onnx it is [-1]",
    ),
    "scalar": (
        pack(files(doubled(()), CONFIG.replace("size: 8", "size: 0"))),
        "tensor-dims",
        "has dims [4]; in 1/model.onnx it is a single number",
    ),
    "an input without a shape": (
        pack(files(model(inputs=[value("X", None)]), CONFIG.replace("size: 8", "size: 0"))),
        "tensor-dims",
        "1/model.onnx gives no shape of the input X; Triton takes it for a single number",
    ),
    "ragged": (
        pack(files(doubled(), CONFIG.replace('"X"', '"X" allow_ragged_batch: true'))),
        "tensor-dims",
        "its shape in 1/model.onnx is [-1, 4], not [-1]",
    ),
    "an optional input that the model needs": (
        pack(files(doubled(), CONFIG.replace("size: 8", "size: 0").replace('"X"', '"X" optional: true'))),
        "onnx-optional",
        "has the optional input X, which 1/model.onnx needs in each request",
    ),
    "a sequence control that the model lacks": (
        pack(files(doubled(), f"{CONFIG} sequence_batching {{ {CONTROL} }}")),
        "tensor-unknown",
        "config.pbtxt has the input START, which 1/model.onnx does not have",
    ),
    "a sequence control of three numbers": (
        pack(
            files(
                model([helper.make_node("Add", ["X", "X"], ["Y"])], [value("X"), value("START", ("N", 3))]),
                f"{CONFIG} sequence_batching {{ {CONTROL} }}",
            )
        ),
        "onnx-control",
        "1/model.onnx does not take START as a sequence control",
    ),
    "a batch input that requests have": (
        pack(
            files(
                doubled(),
                CONFIG + 'batch_input { target_name: "X" data_type: TYPE_FP32 source_input: "X" }',
            )
        ),
        "onnx-fed-input",
        "config.pbtxt declares the input X, which Triton itself feeds too",
    ),
    "a state of another type": (
        pack(
            files(
                doubled(),
                CONFIG
                + 'sequence_batching { state { input_name: "S" output_name: "Y" data_type: TYPE_INT8 } }',
            )
        ),
        "tensor-type",
        "the output state Y in config.pbtxt is TYPE_INT8; in 1/model.onnx it is TYPE_FP32",
    ),
    "a batch input that the model lacks": (
        pack(
            files(
                doubled(),
                CONFIG + 'batch_input { target_name: "B" data_type: TYPE_FP32 source_input: "X" }',
            )
        ),
        "tensor-unknown",
        "config.pbtxt has the input B",
    ),
    "an output without dims": (
        pack(
            files(
                doubled(), CONFIG.replace('"Y" data_type: TYPE_FP32 dims: [ 4 ]', '"Y" data_type: TYPE_FP32')
            )
        ),
        "config-tensor-dims",
        "the output Y in config.pbtxt has no dims",
    ),
    "open": (
        pack(files(doubled(("N", "M")))),
        "tensor-dims-open",
        "the output Y in config.pbtxt has the shape [-1, 4]; 1/model.onnx leaves it open: [-1, -1]",
    ),
    "batches over a fixed dim": (pack(files(doubled((2, 4)))), "tensor-batch", "has the shape [2, 4]"),
    "batches without outputs": (
        pack(files(doubled((2, 4)), CONFIG.partition("output")[0])),
        "tensor-batch",
        "config.pbtxt has max_batch_size: 8; X in 1/model.onnx",
    ),
    "optional with batches": (
        pack(files(doubled(), CONFIG.replace('"X"', '"X" optional: true'))),
        "onnx-optional",
        "config.pbtxt marks X as optional",
    ),
}
"""Of each archive, the code of a finding and words of its message."""

SERVED = {
    "plain": files(doubled()),
    "label with reshape": files(doubled(("N",)), RESHAPED),
    "fixed over any size": files(model(inputs=[value("X", ("N", "M"))]), CONFIG),
    "without batches": files(doubled(), CONFIG.replace("size: 8", "size: 0").replace("[ 4 ]", "[ -1, 4 ]")),
    "scalar": files(doubled(()), CONFIG.replace("size: 8", "size: 0").replace("[ 4 ]", "[ 1 ]")),
    "weights next to it": files(with_external(), **{"1/weights.bin": WEIGHTS}),
    "a directory of the file's name": {
        "config.pbtxt": CONFIG,
        "1/model.onnx/model.onnx": with_external().SerializeToString(),
        "1/model.onnx/weights.bin": WEIGHTS,
    },
    "own file name": {
        "config.pbtxt": CONFIG + 'default_model_filename: "net.onnx"',
        "1/net.onnx": doubled().SerializeToString(),
    },
    "Microsoft's operators": files(
        model([helper.make_node("Gelu", ["X"], ["Y"], domain="com.microsoft")], domains=["com.microsoft"])
    ),
    "unknown operator set, not used": files(model(domains=["acme"])),
    "custom operators with their library": files(
        model([helper.make_node("Mine", ["X"], ["Y"], domain="acme")], domains=["acme"]),
        CONFIG + 'model_operations { op_library_filename: "/opt/acme.so" }',
    ),
    "shape left open": files(model(outputs=[value("Y", None)])),
}
"""Archives without a finding."""
