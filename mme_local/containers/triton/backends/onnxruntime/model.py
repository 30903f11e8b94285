"""Triton's ONNX Runtime backend as a python-based one, for the wheel that ships without it.

Triton hands every model with ``platform: "onnxruntime_onnx"`` to this class. It runs
``model.onnx`` of the version folder on the CPU by the onnxruntime package.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One instance of an ONNX model."""

    def initialize(self, args):
        """Open the model file that the configuration names."""
        config = json.loads(args["model_config"])
        folder = Path(args["model_repository"]) / args["model_version"]
        path = folder / (config.get("default_model_filename") or "model.onnx")
        if not path.exists():
            raise pb_utils.TritonModelException(
                f"failed to load model: {path.name} is missing in version {args['model_version']}"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # many models share one machine
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.outputs = [output["name"] for output in config["output"]]
        self.dtypes = {
            output["name"]: pb_utils.triton_string_to_numpy(output["data_type"])
            for output in config["output"]
        }
        known = {output.name for output in self.session.get_outputs()}
        missing = [name for name in self.outputs if name not in known]
        if missing:
            raise pb_utils.TritonModelException(
                f"unexpected inference output '{missing[0]}', allowed outputs are: {', '.join(sorted(known))}"
            )
        self.inputs = [given.name for given in self.session.get_inputs()]

    def execute(self, requests):
        """Run each request; a failure answers that request alone."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        try:
            feed = {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}
            wanted = [name for name in self.outputs if name in request.requested_output_names()]
            results = self.session.run(wanted, feed)
            return pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(name, np.ascontiguousarray(result, dtype=self.dtypes[name]))
                    for name, result in zip(wanted, results, strict=True)
                ]
            )
        except Exception as error:  # the boundary to Triton: any failure is this request's answer
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"onnx runtime error: {error}"))
