"""The beginning of a model: a directory that is right from the start, to be filled with one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from mme.errors import MmeError
from mme.registry.candidates import build_script
from mme.registry.names import check_name
from mme.registry.tiny_onnx import doubling_model

BACKENDS: Final = ("python", "onnx", "pytorch")

_CONFIG = Template("""\
# $what
# It says everything Triton could otherwise only learn by starting the model, so it also loads under
# --disable-auto-complete-config, which makes the first load about ten times faster.
name: "$name"
$kind
# Requests carry a batch of up to 8 in front of these dimensions.
max_batch_size: 8
input [ { name: "X" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
""")

_PYTHON = Template('''\
"""$name: Y = 2 * X, each FP32 of shape [batch, 4]. Put your own model in its place."""

import json

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """What Triton's python backend looks for in `model.py`."""

    def initialize(self, args):
        """Runs once, when the model is loaded: read weights here.

        They lie beside this file: Path(args["model_repository"]) / args["model_version"] / "weights.npy".
        """
        config = json.loads(args["model_config"])
        output = pb_utils.get_output_config_by_name(config, "Y")
        self.datatype = pb_utils.triton_string_to_numpy(output["data_type"])

    def execute(self, requests):
        """Answers each request on its own: one bad request must not fail its neighbours."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        x = pb_utils.get_input_tensor_by_name(request, "X").as_numpy()
        y = (2 * x).astype(self.datatype)
        return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("Y", y)])
''')

_PYTORCH = Template('''\
"""Builds $name/1/model.pt: run `python $script`.

Needs torch: pip install torch. Triton's pytorch_libtorch platform loads TorchScript, which this writes: put
your own network in the place of Doubler and keep the rest.
"""

import sys
from pathlib import Path

try:
    import torch
except ImportError:
    sys.exit("torch is not installed: pip install torch, then run this again")

TARGET = Path(__file__).parent / "$name" / "1" / "model.pt"


class Doubler(torch.nn.Module):
    """FP32 [batch, 4] to the same."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


TARGET.parent.mkdir(parents=True, exist_ok=True)
torch.jit.script(Doubler().eval()).save(str(TARGET))
answer = torch.jit.load(str(TARGET))(torch.ones(2, 4))
if not torch.equal(answer, torch.full((2, 4), 2.0)):
    sys.exit(f"{TARGET} does not answer like the network it was saved from")
print(f"wrote {TARGET} ({TARGET.stat().st_size:,} bytes)")
''')

_KINDS: Final = {
    "python": 'backend: "python"',
    "onnx": 'platform: "onnxruntime_onnx"',
    "pytorch": 'platform: "pytorch_libtorch"\nbackend: "pytorch"\ndefault_model_filename: "model.pt"',
}


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What was written.

    Attributes:
        directory: the model's.
        files: all of them.
        next_step: what is left to do before it can be published; empty where it is ready.
    """

    directory: Path
    files: tuple[Path, ...]
    next_step: str = ""


def new_model(name: str, backend: str, parent: str | Path = ".") -> Skeleton:
    """Writes a model's directory that packs, publishes and loads, and doubles four numbers.

    Args:
        name: the model's, which is the directory's too.
        backend: `python`; `onnx`, with a model.onnx of one operation; or `pytorch`, with a script that builds
            model.pt, since only torch writes TorchScript.
        parent: where the directory is made.

    Raises:
        MmeError: the name can't be one, the backend is none of these, or the directory is there already.
    """
    check_name(name)
    if "/" in name:
        raise MmeError(
            f"{name} is a folder and a name; a directory has the name only",
            hint=f"make {name.rpartition('/')[2]}, and publish it with --name {name}",
        )
    if backend not in BACKENDS:
        raise MmeError(
            f"there is no skeleton for the backend {backend}", hint=f"choose {', '.join(BACKENDS)}"
        )
    root = Path(parent) / name
    script = build_script(root) if backend == "pytorch" else None
    for path in (root, script):
        if path and path.exists():
            raise MmeError(f"{path} exists already", hint="choose another name or another --in")
    files = {root / "config.pbtxt": _config(name, backend, script)}
    if backend == "python":
        files[root / "1" / "model.py"] = _PYTHON.substitute(name=name).encode()
    elif backend == "onnx":
        files[root / "1" / "model.onnx"] = doubling_model()
    elif script:
        files[script] = _PYTORCH.substitute(name=name, script=script).encode()
    try:
        (root / "1").mkdir(parents=True)
        for path, content in files.items():
            path.write_bytes(content)
    except OSError as error:
        raise MmeError(f"{root} can't be written: {(error.strerror or str(error)).lower()}") from error
    return Skeleton(root, tuple(files), f"python {script}" if script else "")


def _config(name: str, backend: str, script: Path | None) -> bytes:
    what = {
        "python": "Y = 2 * X, in Python: 1/model.py is yours to change.",
        "onnx": "Y = X + X, by ONNX Runtime: put your own 1/model.onnx in its place, and its tensors here.",
        "pytorch": f"Y = 2 * X, as TorchScript: 1/model.pt is made by {script and script.name} beside this "
        "directory.",
    }[backend]
    return _CONFIG.substitute(what=what, name=name, kind=_KINDS[backend]).encode()
