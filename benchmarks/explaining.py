"""How long `explain` takes for a model directory of any size, and how much memory.

The files are sparse: nothing is written but the graph, and `explain` must not read the rest.
Run it: python -m benchmarks.explaining [--json]
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from onnx import ModelProto, TensorProto, helper

from benchmarks.report import report
from benchmarks.sample_models import peak_memory
from mme.archives.explain import explain
from mme.registry.tiny_onnx import field, number

SIZES: Final = {"1 MB": 10**6, "100 MB": 10**8, "1 GB": 10**9, "2 GB": 2 * 10**9}
EXTERNAL: Final = 3 * 10**9
ROUNDS: Final = 5
GOAL_SECONDS: Final = 1.0
GOAL_MB: Final = 200

_CONFIG: Final = """platform: "onnxruntime_onnx"
max_batch_size: 8
input [ { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] } ]
"""
_MEMORY: Final = """
from mme.archives.explain import explain
assert explain(sys.argv[1]).servable
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        models = {name: _inline(Path(folder) / str(size), size) for name, size in SIZES.items()}
        models["3 GB, weights in a file of their own"] = _external(Path(folder) / "external", EXTERNAL)
        report("explain, a directory", [_row(name, root) for name, root in models.items()])


def _row(name: str, root: Path) -> dict[str, object]:
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = explain(root)
        seconds.append(time.perf_counter() - start)
        if not found.servable:
            raise SystemExit(f"{name}: {found.findings}")
    memory = peak_memory(_MEMORY, str(root))
    return {
        "": name,
        "seconds": median(seconds),
        "goal, seconds": GOAL_SECONDS,
        "peak memory, MB": memory,
        "goal, MB": GOAL_MB,
    }


def _inline(root: Path, size: int) -> Path:
    """Write a model whose weights are in the file: the last field of the graph, itself the last."""
    weights = field(8, b"W") + number(2, TensorProto.FLOAT) + number(1, size // 4) + field(9, b"", size)
    graph = _graph() + field(5, weights, size)
    head = ModelProto(ir_version=8, opset_import=[helper.make_opsetid("", 13)]).SerializeToString()
    return _write(root, head + field(7, graph, size), sparse=size)


def _external(root: Path, size: int) -> Path:
    model = ModelProto(ir_version=8, opset_import=[helper.make_opsetid("", 13)])
    model.graph.ParseFromString(_graph())
    weights = model.graph.initializer.add(name="W", data_type=TensorProto.FLOAT, dims=[size // 4])
    weights.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "weights.bin", "offset": "0", "length": str(size)}.items():
        weights.external_data.add(key=key, value=value)
    _write(root, model.SerializeToString())
    (root / "1" / "weights.bin").touch()
    os.truncate(root / "1" / "weights.bin", size)
    return root


def _graph() -> bytes:
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ("N", 4)) for name in "XY"]
    nodes = [helper.make_node("Add", ["X", "X"], ["Y"])]
    content: bytes = helper.make_graph(nodes, "graph", tensors[:1], tensors[1:]).SerializeToString()
    return content


def _write(root: Path, content: bytes, sparse: int = 0) -> Path:
    (root / "1").mkdir(parents=True)
    (root / "config.pbtxt").write_text(_CONFIG)
    path = root / "1" / "model.onnx"
    path.write_bytes(content)
    os.truncate(path, len(content) + sparse)
    return root


if __name__ == "__main__":
    main()
