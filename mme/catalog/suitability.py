"""Whether an instance type is valid for a multi-model endpoint with an image; if not, why and what to use."""

from __future__ import annotations

from dataclasses import dataclass

from mme.catalog.hosting_types import hosting_types, unknown_type
from mme.catalog.images import ImageTraits, Processor
from mme.catalog.instances import InstanceType, instance_type, instance_types, largest_single_gpu

# AWS's pages contradict each other on GPUs for this framework.
_DISPUTED_ON_GPUS = "pytorch"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a check found, as messages for the user, each with a hint.

    Attributes:
        errors: Why it can't work.
        warnings: What may not work, or costs more than needed.
    """

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check_image(image: ImageTraits) -> Verdict:
    """Check an image for what is wrong on every instance type.

    Source: Triton Inference Server, `src/sagemaker_server.cc`, which confines model paths from 26.03 on.
    """
    safe = image.paths_confined_from
    if safe is None:
        return Verdict()
    return Verdict(
        warnings=(
            f"{image.name} takes model paths that lead out of its folder (path traversal), so callers who "
            f"may load a model may read other files: use {safe} or newer",
        )
    )


def check_instance(name: str, image: ImageTraits) -> Verdict:
    """Check whether an endpoint of an image may run on an instance type.

    Args:
        name: The instance type, such as `ml.g5.xlarge`.
        image: What is known of the image.

    Sources of the rules: SageMaker AI developer guide, `multi-model-support` (GPU types: single-GPU ones
    with the Triton container only; CPU: every hosting type; no Inferentia), and the catalog's data files.
    """
    kind = instance_type(name)
    if kind is None:
        # botocore's list is read for unknown names only: it takes longer than the other checks.
        if name not in hosting_types():
            error = unknown_type(name)
            return Verdict(errors=(f"{error.message}: {error.hint}",))
        return Verdict(
            warnings=(
                f"{name} is newer than this catalog, so its GPUs were not checked: "
                "a multi-model endpoint needs a CPU type or one GPU",
            )
        )
    if kind.accelerator:
        return Verdict(
            errors=(
                f"{name} computes on {kind.accelerator}; a multi-model endpoint runs on CPU types and "
                "single-GPU types only: use for example ml.m5.xlarge or ml.g5.xlarge",
            )
        )
    errors = [*_architecture_faults(kind, image)]
    warnings: list[str] = []
    if kind.gpus:
        errors += _gpu_faults(kind, image)
        if image.framework is not None and image.framework.name == _DISPUTED_ON_GPUS:
            warnings.append(
                "AWS's guide lists Triton only for multi-model endpoints on GPUs, a post of AWS lists "
                f"{image.framework.title}, too: try it on {name} before you rely on it, or use Triton"
            )
        if not errors and not kind.mme_listed:
            warnings.append(
                f"{name} is a single-GPU type that AWS does not list for multi-model endpoints: "
                "try it before you rely on it, or use a g4dn or g5 type"
            )
    elif image.processor is Processor.GPU:
        warnings.append(_no_gpu(kind, image))
    return Verdict(errors=tuple(errors), warnings=tuple(warnings))


def check_companion(name: str, image: ImageTraits) -> Verdict:
    """Check whether a further container of a pipeline, which holds one model, may run on an instance type.

    The check of the multi-model container says whether the type itself is valid. This image needs the type's
    architecture and, if it is built for GPUs, its GPU's compute capability.

    Args:
        name: The instance type, such as `ml.g5.xlarge`.
        image: What is known of the further container's image.
    """
    kind = instance_type(name)
    if kind is None:
        return Verdict()
    errors = [*_architecture_faults(kind, image), *(_capability_faults(kind, image) if kind.gpus else [])]
    needless = image.processor is Processor.GPU and not kind.gpus
    return Verdict(errors=tuple(errors), warnings=(_no_gpu(kind, image),) if needless else ())


def _no_gpu(kind: InstanceType, image: ImageTraits) -> str:
    return f"{kind.name} has no GPU; {image.name} is larger than needed: use the CPU build"


def _architecture_faults(kind: InstanceType, image: ImageTraits) -> list[str]:
    if image.arch is None or image.arch == kind.arch:
        return []
    return [
        f"{kind.name} is {kind.arch}, {image.name} is built for {image.arch}: "
        f"use an {image.arch} type such as ml.m5.xlarge, or your own image, built for {kind.arch}"
    ]


def _gpu_faults(kind: InstanceType, image: ImageTraits) -> list[str]:
    faults = []
    if kind.gpus > 1:
        faults.append(
            f"{kind.name} has {kind.gpus} GPUs; a multi-model endpoint needs a single-GPU type: "
            + _single_gpu_advice(kind)
        )
    framework = image.framework
    disputed = framework is not None and framework.name == _DISPUTED_ON_GPUS  # check_instance warns
    if framework is not None and not framework.gpu and not disputed:
        faults.append(
            f"{kind.name} is a GPU type; {framework.title} serves many models on CPUs only: "
            "use a CPU type such as ml.m5.xlarge, or the Triton image"
        )
    elif image.processor is Processor.CPU and not disputed:
        faults.append(
            f"{kind.name} is a GPU type; {image.name} cannot use its GPU: "
            "use the GPU build, or a CPU type such as ml.m5.xlarge"
        )
    return [*faults, *_capability_faults(kind, image)]


def _capability_faults(kind: InstanceType, image: ImageTraits) -> list[str]:
    needed = image.minimum_compute_capability
    if needed is None or kind.compute_capability >= needed:
        return []
    return [
        f"{kind.name} has a {kind.gpu} GPU of compute capability {kind.compute_capability}; "
        f"{image.name} needs {needed} or more: use {_able_types(needed)}"
    ]


def _single_gpu_advice(kind: InstanceType) -> str:
    largest = largest_single_gpu(kind.family)
    if largest is not None:
        return f"{largest.name} is the largest of this family"
    return "this family has none; ml.g5.16xlarge is the largest that AWS lists for it"


def _able_types(needed: float) -> str:
    smallest = min(
        (kind for kind in instance_types().values() if kind.mme_listed and kind.compute_capability >= needed),
        key=lambda kind: (kind.vcpus, kind.name),
    )
    return f"{smallest.name} or a larger one of its family"
