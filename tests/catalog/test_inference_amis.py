from __future__ import annotations

import re

import pytest
from botocore.loaders import Loader

from mme.catalog.images import Processor, catalog_image
from mme.catalog.inference_amis import check_inference_ami, inference_amis, needed_ami

TRITON = catalog_image("triton")
NEWEST = "al2023-ami-sagemaker-inference-gpu-4-1"


def test_the_amis_are_botocores() -> None:
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    assert set(inference_amis()) == set(shapes["ProductionVariantInferenceAmiVersion"]["enum"])
    text = shapes["ProductionVariant"]["members"]["InferenceAmiVersion"]["documentation"]
    for ami in inference_amis().values():
        if ami.driver:
            (own,) = re.findall(rf"<dt>{ami.name}</dt>(.*?)</dd>", text, re.DOTALL)
            assert f"NVIDIA driver version: {ami.driver}" in own
            assert f"CUDA version: {ami.cuda}" in own


@pytest.mark.parametrize("version", TRITON.versions)
def test_every_triton_fits_the_ami_it_is_given(version: str) -> None:
    image = TRITON.traits(version, Processor.GPU)
    ami = needed_ami("ml.g5.xlarge", image)
    assert ami in {None, NEWEST}
    if ami is not None:
        assert not check_inference_ami(ami, "ml.g5.xlarge", image).errors
        assert not check_inference_ami(ami, "ml.g5.xlarge", image).warnings


def test_no_ami_without_a_gpu() -> None:
    assert needed_ami("ml.m5.xlarge", TRITON.traits("26.05", Processor.CPU)) is None
    assert needed_ami("ml.m5.xlarge", TRITON.traits("26.05", Processor.GPU)) is None


@pytest.mark.parametrize(
    ("ami", "fault"),
    [
        ("al2023-ami-sagemaker-inference-gpu-41", rf"is not one of SageMaker's: did you mean {NEWEST}\?"),
        ("x", r"is not one of SageMaker's: use one of al2-"),
        ("al2-ami-sagemaker-inference-neuron-2", r"is for Inferentia2 and Trainium, which no multi-model"),
        ("al2-ami-sagemaker-inference-gpu-2", rf"CUDA 13 .* driver 535 for CUDA 12\.2: use {NEWEST}"),
    ],
)
def test_faults(ami: str, fault: str) -> None:
    (error,) = check_inference_ami(ami, "ml.g5.xlarge", TRITON.traits("26.05", Processor.GPU)).errors
    assert re.search(fault, error)
