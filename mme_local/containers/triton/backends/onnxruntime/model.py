"""Triton's ONNX Runtime backend as a python-based one, for the wheel that ships without it.

Triton hands every model of the backend ``onnxruntime`` to this class. It completes and checks the
configuration by the real backend's rules, and runs the model on the CPU by the onnxruntime package.
"""

import json
import re
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils
from onnxruntime_rules import ModelTensor, ModelTensors, completed, needs_completion, refusals

_ORT_ERROR = re.compile(r"\[ONNXRuntimeError\] : (\d+) : \w+ : ")
_MODEL_PATH = 1  # of the arguments of the process


class TritonPythonModel:
    """One instance of an ONNX model."""

    @staticmethod
    def auto_complete_config(auto_complete_model_config):
        """Add the inputs, outputs and batch size that the configuration lacks."""
        config = auto_complete_model_config.as_dict()
        if needs_completion(config):
            # The python backend tells only a model's process where the model is.
            arguments = Path("/proc/self/cmdline").read_bytes().split(b"\0")
            folder = Path(arguments[_MODEL_PATH].decode()).parent
            session = _open(_model_file(folder, config), config)
            try:
                config.update(completed(config, _tensors(session)))
            except ValueError as error:
                raise pb_utils.TritonModelException(str(error)) from None
        return auto_complete_model_config

    def initialize(self, args):
        """Open the model file and check the configuration against it."""
        config = json.loads(args["model_config"])
        folder = Path(args["model_repository"]) / args["model_version"]
        self.session = _open(_model_file(folder, config), config)
        found = _tensors(self.session)
        reason = next((one.message for one in refusals(config, found)), None) or _unserved(config)
        if reason:
            raise pb_utils.TritonModelException(reason)
        self.inputs = {tensor.name: tensor for tensor in (*found.inputs, *found.initializers)}
        self.outputs = {output["name"]: _dims(output) for output in config["output"]}

    def execute(self, requests):
        """Run each request; a failure answers that request alone."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        try:
            feed = {
                tensor.name: _fed(given.as_numpy(), tensor)
                for tensor in self.inputs.values()
                if (given := pb_utils.get_input_tensor_by_name(request, tensor.name)) is not None
            }
            wanted = [name for name in self.outputs if name in request.requested_output_names()]
            results = self.session.run(wanted, feed)
            return pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(name, _returned(result, self.outputs[name]))
                    for name, result in zip(wanted, results, strict=True)
                ]
            )
        except Exception as error:  # the boundary to Triton: any failure is this request's answer
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(_message(error)))


def _model_file(folder, config):
    """Return the file that the configuration names, or ``model.onnx`` in a folder of that name."""
    path = folder / (config.get("default_model_filename") or "model.onnx")
    path = path / "model.onnx" if path.is_dir() else path
    if not path.exists():
        name = path.relative_to(folder.parent)
        raise pb_utils.TritonModelException(f"unable to find '{name}' for model instance '{config['name']}'")
    return path


def _open(path, config):
    """Open an ONNX model on the CPU, with the configuration's libraries of operators."""
    import onnxruntime  # takes 0.2 s, and a complete configuration is not read before the load

    accelerators = config.get("optimization", {}).get("execution_accelerators", {})
    for accelerator in accelerators.get("cpu_execution_accelerator", ()):
        if accelerator.get("name") != "openvino":
            raise pb_utils.TritonModelException(
                f"unknown Execution Accelerator '{accelerator.get('name')}' is requested"
            )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # many models share one machine
    options.log_severity_level = 3
    try:
        for library in config.get("model_operations", {}).get("op_library_filename", ()):
            options.register_custom_ops_library(library)
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise pb_utils.TritonModelException(_message(error)) from None


def _tensors(session):
    def tensors(nodes):
        return [
            ModelTensor.of_type(
                node.name, node.type, tuple(dim if isinstance(dim, int) else -1 for dim in node.shape)
            )
            for node in nodes
        ]

    return ModelTensors(
        tensors(session.get_inputs()),
        tensors(session.get_outputs()),
        tensors(session.get_overridable_initializers()),
    )


def _unserved(config):
    """Return what the real backend serves and this one does not; None if there is nothing."""
    found = [name for name in ("batch_input", "batch_output") if config.get(name)]
    found += ["allow_ragged_batch" for given in config["input"] if given.get("allow_ragged_batch")]
    found += ["sequence_batching's state"] if config.get("sequence_batching", {}).get("state") else []
    tensors = (*config["input"], *config["output"])
    found += ["TYPE_BF16" for tensor in tensors if tensor["data_type"] == "TYPE_BF16"]
    if not found:
        return None
    return f"{found[0]} is not served by the local ONNX Runtime backend; set MME_LOCAL_CONTAINERS=docker"


def _dims(output):
    return [int(dim) for dim in output.get("reshape", {"shape": output["dims"]}).get("shape", ())]


def _fed(array, tensor):
    """Return an input for onnxruntime: strings are C strings of UTF-8 there."""
    if array.dtype.hasobject:
        decoded = [item.partition(b"\0")[0].decode() for item in array.reshape(-1)]
        return np.array(decoded, np.object_).reshape(array.shape)
    return array if tensor.dims else array.reshape(())


def _returned(result, dims):
    """Return an output for Triton: UTF-8 bytes, and a scalar in the shape that the configuration gives it."""
    if result.dtype.kind in "OU":
        encoded = [str(item).encode() for item in result.reshape(-1)]
        result = np.array(encoded, np.object_).reshape(result.shape)
    return np.ascontiguousarray(result if result.ndim else result.reshape(dims))


def _message(error):
    text = str(error)
    code = _ORT_ERROR.match(text)
    return f"onnx runtime error {code[1]}: {text[code.end() :]}" if code else f"onnx runtime error: {text}"
