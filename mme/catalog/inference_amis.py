"""The machine images (AMIs) that SageMaker offers for hosting, and which CUDA versions they run."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from mme.catalog.images import ImageTraits, version_key
from mme.catalog.instances import instance_type as describe
from mme.catalog.records import record
from mme.catalog.suitability import Verdict


@dataclass(frozen=True, kw_only=True)
class InferenceAmi:
    """One value of a variant's `InferenceAmiVersion`.

    Attributes:
        name: As in SageMaker's API.
        accelerator: What it has drivers for: `GPU`, or AWS's own chips.
        driver: NVIDIA driver branch, such as 580; 0 = none.
        cuda: CUDA version of that driver, such as `13.0`; empty = none.
    """

    name: str
    accelerator: str
    driver: int = 0
    cuda: str = ""

    @property
    def cuda_major(self) -> int:
        """Major CUDA version: 12 of `12.4`; 0 = no CUDA."""
        return version_key(self.cuda)[0] if self.cuda else 0


@cache
def inference_amis() -> dict[str, InferenceAmi]:
    """Return every AMI of the catalog, by name. Source: `data/inference_amis.json`."""
    return {name: InferenceAmi(name=name, **spec) for name, spec in record("inference_amis")["amis"].items()}


def needed_ami(instance_type: str, image: ImageTraits) -> str | None:
    """Return the AMI to request if SageMaker's default may have too old a driver; None = the default works.

    A driver runs every minor version of its major CUDA version (NVIDIA, CUDA Compatibility), and SageMaker's
    default is not published: only an image built on the newest major version needs an explicit AMI.

    Args:
        instance_type: Such as `ml.g5.xlarge`.
        image: What is known of the serving image.
    """
    kind = describe(instance_type)
    built_on = image.cuda_major
    newest = max(inference_amis().values(), key=lambda ami: ami.cuda_major)
    if kind is None or not kind.gpus or built_on is None or built_on < newest.cuda_major:
        return None
    return newest.name


def check_inference_ami(name: str, instance_type: str, image: ImageTraits) -> Verdict:
    """Check whether an AMI fits the instance type and the image.

    Args:
        name: The AMI's name.
        instance_type: Such as `ml.g5.xlarge`.
        image: What is known of the serving image.

    Sources: NVIDIA, CUDA Compatibility (an application of a newer major version than the driver's does not
    run); SageMaker AI guide, `container-nvidia-compliance` (a container that mounts its own, older driver
    libraries does not start on a newer driver).
    """
    ami = inference_amis().get(name)
    if ami is None:
        close = get_close_matches(name, inference_amis(), n=1, cutoff=0.6)
        choices = [known.name for known in inference_amis().values() if known.accelerator == "GPU"]
        hint = f"did you mean {close[0]}?" if close else f"use one of {', '.join(choices)}"
        return Verdict(errors=(f"inference_ami_version {name} is not one of SageMaker's: {hint}",))
    if ami.accelerator != "GPU":
        return Verdict(
            errors=(
                f"inference_ami_version {name} is for {ami.accelerator}, which no multi-model endpoint runs "
                "on: leave it out, or use one for GPUs",
            )
        )
    kind = describe(instance_type)
    if kind is not None and not kind.gpus:
        return Verdict(
            errors=(
                f"inference_ami_version {name} has GPU drivers and {instance_type} has no GPU: leave it out",
            )
        )
    built_on = image.cuda_major
    if built_on is None or built_on == ami.cuda_major:
        return Verdict()
    fact = f"{image.name} is built on CUDA {built_on} and {name} has driver {ami.driver} for CUDA {ami.cuda}"
    if built_on > ami.cuda_major:
        fitting = next(known for known in inference_amis().values() if known.cuda_major >= built_on)
        return Verdict(errors=(f"{fact}: use {fitting.name}, or an older Triton",))
    return Verdict(
        warnings=(
            f"{fact}: an image that brings its own, older driver libraries does not start on it, so try "
            "before you rely on it, or leave inference_ami_version out",
        )
    )
