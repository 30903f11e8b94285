"""Build digits/1/model.onnx and digits_held_out.npz: `python model_registry/build_digits.py`.

It needs scikit-learn, skl2onnx and onnx (all in requirements-dev.txt). The split, the seed and the solver are
fixed, so a second run on one machine gives the same model.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

import digits_data  # noqa: E402  (a script's folder is not on every caller's path)

# Old enough for the ONNX Runtime of every Triton image since 23.12.
OPSET = 15
IR_VERSION = 8


def with_triton_shapes(classifier: onnx.ModelProto) -> onnx.ModelProto:
    """Give a classifier of flat rows the tensors that config.pbtxt declares.

    Input: `image` [N, 8, 8]. Outputs: `label` [N, 1] and `probabilities` [N, 10]. Triton requires the batch
    dimension and at least one more on every tensor.
    """
    graph = classifier.graph
    flat = graph.input[0].name
    for name, shape in (("flat_shape", [-1, 64]), ("column_shape", [-1, 1])):
        graph.initializer.append(numpy_helper.from_array(np.array(shape, dtype=np.int64), name))
    graph.node.insert(0, helper.make_node("Reshape", ["image", "flat_shape"], [flat], name="flatten"))
    last = next(node for node in graph.node if "label" in node.output)
    last.output[list(last.output).index("label")] = "flat_label"
    graph.node.append(
        helper.make_node("Reshape", ["flat_label", "column_shape"], ["label"], name="label_column")
    )
    del graph.input[:], graph.output[:]
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 8, 8]))
    graph.output.append(helper.make_tensor_value_info("label", TensorProto.INT64, ["N", 1]))
    graph.output.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10]))
    onnx.checker.check_model(classifier, full_check=True)
    return classifier


def build() -> onnx.ModelProto:
    """Train on the three quarters that are not held out and convert the result."""
    images, held_out_images, labels, held_out_labels = digits_data.split()
    rows = images.reshape(len(images), 64).astype(np.float32)
    # This alpha did best in cross-validation on the training part; the held-out part was not used.
    classifier = make_pipeline(
        MinMaxScaler(), MLPClassifier((96,), alpha=0.1, max_iter=500, random_state=digits_data.SEED)
    )
    # With several threads BLAS sums in any order, and the weights differ in their last bits from run to run.
    with threadpool_limits(limits=1):
        classifier.fit(rows, labels)
    accuracy = classifier.score(held_out_images.reshape(-1, 64).astype(np.float32), held_out_labels)
    print(f"accuracy on {len(held_out_labels)} held-out digits: {accuracy:.4f}")
    # zipmap would turn the probabilities into a list of dictionaries, which Triton can't serve.
    converted = to_onnx(
        classifier,
        rows[:1],
        name="digits",
        target_opset={"": OPSET, "ai.onnx.ml": 1},
        options={"zipmap": False, "output_class_labels": False},
    )
    converted.ir_version = IR_VERSION
    return with_triton_shapes(converted)


def main() -> None:
    """Write the model and the held-out digits next to this file."""
    target = ROOT / "digits" / "1" / "model.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(build().SerializeToString(deterministic=True))
    _, images, _, labels = digits_data.split()
    np.savez_compressed(
        digits_data.HELD_OUT_FILE, images=images.astype(np.uint8), labels=labels.astype(np.uint8)
    )
    print(f"wrote {target} ({target.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
