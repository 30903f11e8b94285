"""Skeletons: new model directories that pack, publish and load, to be filled with your own model."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Final

from mme.errors import MmeError
from mme.registry.candidates import build_script
from mme.registry.drafts.booster_draft import CSV_FILE, xgboost_facts
from mme.registry.drafts.draft import Content, Draft, NewModel, check_new_name, write_draft
from mme.registry.drafts.estimator_draft import estimator_facts
from mme.registry.tiny_booster import sign_booster
from mme.registry.tiny_onnx import doubling_model

BACKENDS: Final = ("python", "onnx", "pytorch", "xgboost", "sklearn")
_ROWS: Final[dict[str, Content]] = {CSV_FILE: b"1,2,3,4\n5,6,7,8\n", ".mmeignore": f"{CSV_FILE}\n".encode()}

_CONFIG = Template("""\
# $what
# It states everything that Triton would otherwise learn by starting the model. So it also loads with
# --disable-auto-complete-config, which makes the first load about ten times faster.
name: "$name"
$kind
# Requests carry a batch of up to 8 in front of these dimensions.
max_batch_size: 8
input [ { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] } ]
instance_group [ { count: 1 kind: $processor } ]
""")

_PYTHON = Template('''\
"""$name: Y = 2 * X, each FP32 of shape [batch, 4]. Replace it with your own model."""

import json

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that Triton's python backend looks for in `model.py`."""

    def initialize(self, args):
        """Run once, when the model is loaded: read weights here.

        They are next to this file: Path(args["model_repository"]) / args["model_version"] / "weights.npy".
        """
        config = json.loads(args["model_config"])
        output = pb_utils.get_output_config_by_name(config, "Y")
        self.datatype = pb_utils.triton_string_to_numpy(output["data_type"])

    def execute(self, requests):
        """Answer each request separately: one bad request must not fail the others."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        x = pb_utils.get_input_tensor_by_name(request, "X").as_numpy()
        y = (2 * x).astype(self.datatype)
        return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("Y", y)])
''')

_PYTORCH = Template('''\
"""Build $name/1/model.pt: run `python $script`.

Needs torch: pip install torch. Triton's pytorch_libtorch platform loads TorchScript, which this writes.
Replace Doubler with your own network and keep the rest.
"""

import sys
from pathlib import Path

try:
    import torch
except ImportError:
    sys.exit("torch is not installed: pip install torch, then run this again")

TARGET = Path(__file__).parent / "$name" / "1" / "model.pt"


class Doubler(torch.nn.Module):
    """Maps FP32 [batch, 4] to the same shape."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


TARGET.parent.mkdir(parents=True, exist_ok=True)
torch.jit.script(Doubler().eval()).save(str(TARGET))
answer = torch.jit.load(str(TARGET))(torch.ones(2, 4))
if not torch.equal(answer, torch.full((2, 4), 2.0)):
    sys.exit(f"{TARGET} does not answer like the network it was saved from")
print(f"wrote {TARGET} ({TARGET.stat().st_size:,} bytes)")
''')

_SKLEARN = Template('''\
"""Build $name/model.joblib: run `python $script`.

Needs scikit-learn, of about the version of the image that will serve the model: pip install scikit-learn.
Replace the data and the estimator with your own and keep the rest.
"""

import sys
from pathlib import Path

try:
    import joblib
    import numpy as np
    from sklearn.linear_model import LogisticRegression
except ImportError as error:
    sys.exit(f"{error.name} is not installed: pip install scikit-learn, then run this again")

TARGET = Path(__file__).parent / "$name" / "model.joblib"

rows = np.random.default_rng(0).normal(size=(200, 4))
labels = (rows[:, 0] > 0).astype(int)
model = LogisticRegression().fit(rows, labels)
TARGET.parent.mkdir(parents=True, exist_ok=True)
joblib.dump(model, TARGET)
print(f"wrote {TARGET} ({TARGET.stat().st_size:,} bytes)")
''')

_KINDS: Final = {
    "python": 'backend: "python"',
    "onnx": 'platform: "onnxruntime_onnx"',
    "pytorch": 'platform: "pytorch_libtorch"\nbackend: "pytorch"\ndefault_model_filename: "model.pt"',
}


def new_model(name: str, backend: str, parent: str | Path = ".", *, gpu: bool = False) -> NewModel:
    """Write a model directory that packs, publishes and loads, for rows of four numbers.

    Args:
        name: The name of the model and of its directory.
        backend: For Triton `python`; `onnx`, with a model.onnx of one operation; or `pytorch`, with a script
            that builds model.pt, since only torch writes TorchScript. For AWS's images `xgboost`, with a
            booster of one tree; or `sklearn`, with a script that trains an estimator.
        parent: Where to create the directory.
        gpu: Whether it runs on a GPU.

    Raises:
        MmeError: The name or the backend is invalid, or the directory exists.
    """
    check_new_name(name)
    if backend not in BACKENDS:
        raise MmeError(
            f"there is no skeleton for the backend {backend}", hint=f"choose {', '.join(BACKENDS)}"
        )
    root = Path(parent) / name
    script = build_script(root)
    if backend in ("xgboost", "sklearn"):
        if gpu:
            raise MmeError(f"AWS's image for {backend} computes on the CPU", hint="leave out --kind gpu")
        return write_draft(_booster() if backend == "xgboost" else _estimator(name, script), root)
    files: dict[str, Content] = {"config.pbtxt": _config(name, backend, script, gpu=gpu)}
    if backend == "pytorch":
        files["1"] = None
        text = _PYTORCH.substitute(name=name, script=script).encode()
        return write_draft(Draft(files, {script.name: text}, next_step=f"python {script}"), root)
    if backend == "python":
        files["1/model.py"] = _PYTHON.substitute(name=name).encode()
    else:
        files["1/model.onnx"] = doubling_model()
    return write_draft(Draft(files), root)


def _booster() -> Draft:
    files: dict[str, Content] = {"xgboost-model.json": sign_booster(), **_ROWS}
    facts = ("answers 1 if the first column is 0.5 or more, else -1", *xgboost_facts())
    return Draft(files, facts=facts, request=CSV_FILE)


def _estimator(name: str, script: Path) -> Draft:
    text = _SKLEARN.substitute(name=name, script=script).encode()
    facts = estimator_facts("model.joblib")
    next_step = f"python {script}"
    return Draft(_ROWS, {script.name: text}, facts=facts, request=CSV_FILE, next_step=next_step)


def _config(name: str, backend: str, script: Path, *, gpu: bool) -> bytes:
    what = {
        "python": "Y = 2 * X, in Python: replace 1/model.py with your own.",
        "onnx": "Y = X + X, by ONNX Runtime: replace 1/model.onnx with your own, and state its tensors here.",
        "pytorch": f"Y = 2 * X, as TorchScript: {script.name}, next to this directory, builds 1/model.pt.",
    }[backend]
    processor = "KIND_GPU" if gpu else "KIND_CPU"
    return _CONFIG.substitute(what=what, name=name, kind=_KINDS[backend], processor=processor).encode()
