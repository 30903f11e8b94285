"""What Triton and SageMaker require of a config.pbtxt beyond its syntax.

Source of the rules: `src/model_config_utils.cc` of triton-inference-server/core and `src/sagemaker_server.cc`
of triton-inference-server/server; each was tried on Triton 2.51.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.triton.config import PLATFORM_BACKENDS, TritonConfig
from mme.catalog.images import Processor
from mme.findings import Finding

KNOWN_BACKENDS: Final = (
    "dali",
    "fil",
    "onnxruntime",
    "openvino",
    "python",
    "pytorch",
    "tensorflow",
    "tensorrt",
)
"""In NVIDIA's full image, which AWS's is built on. Source: Triton's backend repository, "Where can I find
all the backends"."""

_PLATFORM_BOUND: Final = ("onnxruntime", "pytorch", "tensorflow", "tensorrt")
_GPU_BACKENDS: Final = ("tensorrt",)
_GROUP_KINDS: Final = ("KIND_AUTO", "KIND_GPU", "KIND_CPU", "KIND_MODEL")
_ANY_LENGTH: Final = -1
_IMAGE_DIMS: Final = 3


def config_findings(config: TritonConfig, source: str, endpoint: EndpointTraits) -> Iterator[Finding]:
    """Yield what is wrong with a model's config, whatever files there are.

    Args:
        config: The model's; ensembles included.
        source: The config's path, for messages.
        endpoint: Where it is to be served.
    """
    message = config.message
    decoupled, sequence = message.model_transaction_policy.decoupled, message.HasField("sequence_batching")
    if decoupled:
        text = f"{source} makes the model decoupled; SageMaker's port refuses every request to it"
        hint = "remove model_transaction_policy and answer each request once"
        yield Finding.error("decoupled", text, hint)
    if not config.is_ensemble:
        yield from _platform(config, source)
        yield from _tensorflow(config, source, endpoint)
        yield from _groups(config, source, endpoint)
    yield from _batching(message, source)
    if sequence:
        text = (
            f"{source} uses sequence batching; a sequence's requests may reach different instances, and its "
        )
        hint = "send the state along with each request, or use an endpoint of its own"
        yield Finding.warning("sequence", text + "state is lost when the model is unloaded", hint)
    if message.response_cache.enable and (decoupled or sequence):
        text = f"{source} asks for response_cache, which Triton refuses for such a model"
        yield Finding.error("response-cache", text, "remove response_cache")
    if message.model_repository_agents.agents:
        names = ", ".join(agent.name for agent in message.model_repository_agents.agents)
        text = f"{source} needs the repository agents {names} in the image"
        hint = "remove model_repository_agents, or use an image that has them"
        yield Finding.warning("repository-agent", text, hint)


def _platform(config: TritonConfig, source: str) -> Iterator[Finding]:
    platform, backend = str(config.message.platform), str(config.message.backend)
    if platform and not backend and platform not in PLATFORM_BACKENDS:
        hint = f"platforms are {', '.join(PLATFORM_BACKENDS)}; for others name the backend"
        if platform in KNOWN_BACKENDS:
            hint = f'write backend: "{platform}" instead of platform'
        text = f"{source} has the platform {platform!r}, which Triton does not know"
        yield Finding.error("platform-unknown", text, hint)
    elif platform and backend in _PLATFORM_BOUND and PLATFORM_BACKENDS.get(platform) != backend:
        text = f"{source} has the platform {platform!r} with the backend {backend!r}"
        yield Finding.error("platform-mismatch", text, "remove the platform; the backend is enough")


def _tensorflow(config: TritonConfig, source: str, endpoint: EndpointTraits) -> Iterator[Finding]:
    if config.backend != "tensorflow":
        return
    hint = "serve it with an image up to 24.09, or convert it to ONNX"
    if endpoint.lacks_tensorflow:
        text = f"Triton {endpoint.image_version} has no TensorFlow backend, which {source} asks for"
        yield Finding.error("tensorflow-removed", text, hint)
    elif endpoint.lacks_tensorflow is None:
        text = f"{source} asks for the TensorFlow backend, which images from 25.04 on do not have"
        yield Finding.warning("tensorflow-aging", text, hint)


def _groups(config: TritonConfig, source: str, endpoint: EndpointTraits) -> Iterator[Finding]:
    needs_gpu = ""
    groups = config.message.instance_group
    if groups and all(group.passive for group in groups):
        text = f"every instance group in {source} is passive; Triton ends at the first request"
        yield Finding.error("instance-group", text, "remove passive")
    for number, group in enumerate(config.message.instance_group):
        kind = _GROUP_KINDS[group.kind]
        where = f"instance group {group.name or number} in {source}"
        wrong = [gpu for gpu in group.gpus if gpu]
        if kind == "KIND_GPU":
            needs_gpu = f"{where} is KIND_GPU"
        if group.gpus and kind in ("KIND_CPU", "KIND_MODEL"):
            yield Finding.error("instance-group", f"{where} is {kind} but lists gpus", "remove gpus")
        elif kind == "KIND_AUTO" and group.gpus and endpoint.processor is Processor.CPU:
            hint = "remove gpus: KIND_AUTO then takes what there is"
            yield Finding.error("instance-group", f"{where} lists gpus and the endpoint has none", hint)
        elif wrong:
            hint = "remove gpus: a multi-model endpoint's instance has one GPU, number 0"
            yield Finding.error("gpu-id", f"{where} names GPU {wrong[0]}, which no instance has", hint)
        if group.profile and config.backend != "tensorrt":
            text = f"{where} has a profile, which only TensorRT supports"
            yield Finding.error("instance-group", text, "remove profile")
    if not needs_gpu and config.backend in _GPU_BACKENDS:
        needs_gpu = f"the backend {config.backend} of {source} runs on a GPU only"
    if not needs_gpu or endpoint.processor is Processor.GPU:
        return
    if endpoint.processor is Processor.CPU:
        hint = "use a GPU endpoint, or KIND_CPU with a backend that runs on CPUs"
        yield Finding.error("instance-gpu", f"{needs_gpu}, and the endpoint has no GPU", hint)
    else:
        hint = "publish it to a GPU endpoint only; check it with --processor or --instance-type"
        yield Finding.warning("gpu-only", f"{needs_gpu}; a CPU endpoint can't load it", hint)


def _batching(message: Any, source: str) -> Iterator[Finding]:
    dynamic = message.dynamic_batching
    preferred = {
        "dynamic_batching": dynamic.preferred_batch_size,
        "sequence_batching": message.sequence_batching.oldest.preferred_batch_size,
    }
    for name, sizes in preferred.items():
        wrong = [size for size in sizes if size < 1 or size > message.max_batch_size]
        if wrong:
            text = (
                f"{name} in {source} prefers batches of {wrong[0]}; the maximum is {message.max_batch_size}"
            )
            hint = "prefer sizes from 1 to max_batch_size, or remove them"
            yield Finding.error("config-batching", text, hint)
    levels = dynamic.priority_levels
    if levels and not 1 <= dynamic.default_priority_level <= levels:
        default = dynamic.default_priority_level
        text = f"default_priority_level in {source} is {default}; the levels are 1 to {levels}"
        yield Finding.error("config-batching", text, "set default_priority_level within the levels")
    wrong_keys = [key for key in dynamic.priority_queue_policy if levels and not 1 <= key <= levels]
    if wrong_keys:
        text = (
            f"priority_queue_policy in {source} has the level {wrong_keys[0]}; the levels are 1 to {levels}"
        )
        yield Finding.error("config-batching", text, "set its keys within the levels")
    if dynamic.preserve_ordering and levels > 1:
        text = f"dynamic_batching in {source} has both preserve_ordering and {levels} priority levels"
        yield Finding.error("config-batching", text, "remove one of them")
    policies = [dynamic.default_queue_policy, *dynamic.priority_queue_policy.values()]
    if dynamic.preserve_ordering and any(
        policy.default_timeout_microseconds and policy.timeout_action == policy.DELAY for policy in policies
    ):
        text = f"dynamic_batching in {source} has preserve_ordering and a timeout_action DELAY"
        yield Finding.error("config-batching", text, "remove one of them, or write timeout_action: REJECT")
    controls = Counter(
        control.kind for each in message.sequence_batching.control_input for control in each.control
    )
    if any(count > 1 for count in controls.values()):
        text = f"sequence_batching in {source} has two controls of one kind"
        yield Finding.error("config-batching", text, "keep one control_input of each kind")


def tensor_findings(config: TritonConfig, source: str, *, completed: bool) -> Iterator[Finding]:
    """Yield what is wrong with inputs and outputs.

    Args:
        config: The model's.
        source: The config's path, for messages.
        completed: Whether the backend or the code may fill in what is missing.
    """
    message = config.message
    for kind in ("input", "output"):
        names: set[str] = set()
        for tensor in getattr(message, kind):
            where = f"the {kind} {tensor.name} in {source}"
            if kind == "input" and tensor.name in names:
                hint = "Triton then waits for a tensor that can't be sent: give each its own name"
                yield Finding.error("config-tensor-twice", f"{where} is declared twice", hint)
            names.add(tensor.name)
            yield from _tensor(tensor, where, completed=completed)
            if tensor.is_shape_tensor and config.backend not in ("", "tensorrt"):
                text = f"{where} is a shape tensor, which only TensorRT has"
                yield Finding.error("config-shape-tensor", text, "remove is_shape_tensor")
            yield from _reshape(tensor, where, batched=message.max_batch_size > 0)
            if kind == "input" and tensor.format and len(tensor.dims) != _IMAGE_DIMS:
                text = f"{where} has {len(tensor.dims)} dims; NHWC and NCHW need 3"
                hint = "write three dims, without the batch, or remove format"
                yield Finding.error("config-tensor-format", text, hint)
    yield from _batch_tensors(message, source)


def _tensor(tensor: Any, where: str, *, completed: bool) -> Iterator[Finding]:
    if not tensor.data_type and not completed:
        hint = "add it, e.g. data_type: TYPE_FP32"
        yield Finding.error("config-tensor-type", f"{where} has no data_type", hint)
    if not tensor.dims and not completed:
        hint = "add them, e.g. dims: [ 3, 224, 224 ]"
        yield Finding.error("config-tensor-dims", f"{where} has no dims", hint)
    wrong = [dim for dim in tensor.dims if dim < 1 and dim != _ANY_LENGTH]
    if wrong:
        hint = "a dim is 1 or more, or -1 for any length"
        yield Finding.error("config-tensor-dims", f"{where} has the dim {wrong[0]}", hint)


def _reshape(tensor: Any, where: str, *, batched: bool) -> Iterator[Finding]:
    if not tensor.HasField("reshape"):
        return
    shape = list(tensor.reshape.shape)
    if not shape and not batched:
        yield Finding.error("config-reshape", f"{where} is reshaped to nothing", "give reshape a shape")
    elif any(dim < 1 and dim != _ANY_LENGTH for dim in shape):
        yield Finding.error("config-reshape", f"{where} is reshaped to {shape}", "a dim is 1 or more, or -1")
    elif _runs(tensor.dims) != _runs(shape):
        text = f"{where} has dims {list(tensor.dims)} reshaped to {shape}"
        hint = "both must have the same number of elements, and as many -1 in between"
        yield Finding.error("config-reshape", text, hint)


def _runs(dims: Any) -> list[int]:
    """Return the numbers of elements between the dims of any length."""
    runs = [1]
    for dim in dims:
        if dim == _ANY_LENGTH:
            runs.append(1)
        else:
            runs[-1] = math.prod((runs[-1], dim))
    return runs


def _batch_tensors(message: Any, source: str) -> Iterator[Finding]:
    inputs = {tensor.name for tensor in message.input}
    outputs = {tensor.name for tensor in message.output}
    for kind in ("batch_input", "batch_output"):
        for tensor in getattr(message, kind):
            unknown = [name for name in tensor.source_input if name not in inputs]
            if kind == "batch_output":
                unknown += [name for name in tensor.target_name if name not in outputs]
            if len(tensor.source_input) != 1:
                text = (
                    f"a {kind} in {source} has {len(tensor.source_input)} source inputs; every kind takes one"
                )
                yield Finding.error("config-batch-tensor", text, "name one source_input")
            if unknown:
                text = f"{kind} in {source} names the unknown {unknown[0]}"
                yield Finding.error("config-batch-tensor", text, "name tensors that the model declares")
