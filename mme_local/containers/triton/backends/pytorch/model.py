"""Triton's PyTorch backend as a python-based one, for the wheel that ships without it.

Triton hands every model with ``platform: "pytorch_libtorch"`` to this class. It runs the
TorchScript file ``model.pt`` of the version folder on the CPU by the torch package. Inputs and
outputs are ordered by the number after ``__`` in their names, as Triton's own backend does.
"""

import json
from pathlib import Path

import numpy as np
import torch
import triton_python_backend_utils as pb_utils


def _position(tensor):
    """The place of ``INPUT__3`` is 3; other names keep the order of the configuration."""
    _, _, number = tensor["name"].rpartition("__")
    return int(number) if number.isdigit() else 0


class TritonPythonModel:
    """One instance of a TorchScript model."""

    def initialize(self, args):
        """Load the TorchScript file that the configuration names."""
        config = json.loads(args["model_config"])
        folder = Path(args["model_repository"]) / args["model_version"]
        path = folder / (config.get("default_model_filename") or "model.pt")
        if not path.exists():
            raise pb_utils.TritonModelException(
                f"failed to load model: {path.name} is missing in version {args['model_version']}"
            )
        torch.set_num_threads(1)  # many models share one machine
        self.module = torch.jit.load(str(path), map_location="cpu").eval()
        self.inputs = [tensor["name"] for tensor in sorted(config["input"], key=_position)]
        outputs = sorted(config["output"], key=_position)
        self.outputs = [tensor["name"] for tensor in outputs]
        self.dtypes = [pb_utils.triton_string_to_numpy(tensor["data_type"]) for tensor in outputs]

    def execute(self, requests):
        """Run each request; a failure answers that request alone."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        try:
            feed = [
                torch.from_numpy(np.array(pb_utils.get_input_tensor_by_name(request, name).as_numpy()))
                for name in self.inputs
            ]
            with torch.inference_mode():
                result = self.module(*feed)
            results = result if isinstance(result, (list, tuple)) else [result]
            if len(results) != len(self.outputs):
                raise ValueError(
                    f"the model gave {len(results)} outputs, its configuration names {len(self.outputs)}"
                )
            wanted = set(request.requested_output_names())
            return pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(name, np.ascontiguousarray(tensor.numpy(), dtype=dtype))
                    for name, dtype, tensor in zip(self.outputs, self.dtypes, results, strict=True)
                    if name in wanted
                ]
            )
        except Exception as error:  # the boundary to Triton: any failure is this request's answer
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"PyTorch execute failure: {error}"))
