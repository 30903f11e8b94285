"""Triton's PyTorch backend as a python-based one, for the wheel that ships without it.

Triton hands every model of the backend ``pytorch`` to this class. It checks the configuration by the real
backend's rules, and runs the TorchScript file ``model.pt`` of the version folder on the CPU by the torch
package.
"""

import json
from pathlib import Path

import numpy as np
import torch
import triton_python_backend_utils as pb_utils
from torchscript_rules import fault, order


class TritonPythonModel:
    """One instance of a TorchScript model."""

    def initialize(self, args):
        """Load the TorchScript file that the configuration names."""
        config = json.loads(args["model_config"])
        folder = Path(args["model_repository"]) / args["model_version"]
        path = folder / (config.get("default_model_filename") or "model.pt")
        if not path.exists():
            raise pb_utils.TritonModelException(
                f"unable to find '{path.relative_to(folder.parent)}' for model instance '{config['name']}'"
            )
        torch.set_num_threads(1)  # many models share one machine
        try:
            self.module = torch.jit.load(str(path), map_location="cpu").eval()
        except RuntimeError as error:
            raise pb_utils.TritonModelException(
                f"failed to load model '{config['name']}': {str(error).splitlines()[0]}"
            ) from None
        _, *given = self.module.forward.schema.arguments
        arguments = [(argument.name, str(argument.type)) for argument in given]
        if reason := fault(config, arguments) or _unserved(config):
            raise pb_utils.TritonModelException(reason)
        self.takes_dict = len(arguments) == 1 and arguments[0][1].startswith("Dict")
        self.inputs = [name for _, name in _ordered(config["input"], [name for name, _ in arguments])]
        self.outputs = _ordered(config["output"])
        self.types = {output["name"]: output["data_type"] for output in config["output"]}

    def execute(self, requests):
        """Run each request; a failure answers that request alone."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        try:
            feed = {
                name: torch.from_numpy(np.array(pb_utils.get_input_tensor_by_name(request, name).as_numpy()))
                for name in self.inputs
            }
            with torch.inference_mode():
                result = self.module(feed) if self.takes_dict else self.module(*feed.values())
            results = result if isinstance(result, (list, tuple)) else [result]
            if len(results) < len(self.outputs):
                raise ValueError(
                    "The number of outputs in the model configuration does not match the number of outputs "
                    "of the model"
                )
            wanted = set(request.requested_output_names())
            return pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(name, self._returned(name, results[position]))
                    for position, name in self.outputs
                    if name in wanted
                ]
            )
        except Exception as error:  # the boundary to Triton: any failure is this request's answer
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"PyTorch execute failure: {error}"))

    def _returned(self, name, tensor):
        array = np.ascontiguousarray(tensor.numpy())
        if not tensor.dim():
            raise ValueError(f"output '{name}' is a scalar which is not supported.")
        wanted = self.types[name]
        if array.dtype != pb_utils.triton_string_to_numpy(wanted):
            raise ValueError(
                f"configuration expects datatype {wanted} for output '{name}', model provides {tensor.dtype}"
            )
        return array


def _ordered(tensors, arguments=()):
    """Return position and name of each tensor, by position in the model's signature."""
    positions = order(tensors, arguments)
    return sorted((position, tensor["name"]) for position, tensor in zip(positions, tensors, strict=True))


def _unserved(config):
    """Return what the real backend serves and this one does not; None if there is nothing."""
    tensors = (*config["input"], *config["output"])
    found = ["TYPE_STRING" for tensor in tensors if tensor["data_type"] == "TYPE_STRING"]
    found += [name for name in ("batch_input", "batch_output") if config.get(name)]
    found += ["sequence_batching's state"] if config.get("sequence_batching", {}).get("state") else []
    if not found:
        return None
    return f"{found[0]} is not served by the local PyTorch backend; set MME_LOCAL_CONTAINERS=docker"
