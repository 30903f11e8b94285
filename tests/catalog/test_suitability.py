from __future__ import annotations

import re

import pytest

from mme.catalog.hosting_types import hosting_types
from mme.catalog.images import ImageTraits, Processor, catalog_image, traits_of
from mme.catalog.instances import instance_type, instance_types
from mme.catalog.suitability import check_image, check_instance

TRITON = catalog_image("triton")
GPU = TRITON.traits("26.05", Processor.GPU)
CPU = TRITON.traits("26.05", Processor.CPU)
OLD_GPU = TRITON.traits("24.09", Processor.GPU)
XGBOOST = traits_of("sagemaker-xgboost", "3.2-0", name="XGBoost 3.2-0")
OWN = ImageTraits(name="team/server:1")


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("ml.g5.xlarge", GPU),
        ("ml.g4dn.16xlarge", GPU),
        ("ml.p3.2xlarge", OLD_GPU),
        ("ml.m5.large", CPU),
        ("ml.t2.medium", CPU),
        ("ml.r7i.xlarge", XGBOOST),
        ("ml.c7g.large", XGBOOST),
        ("ml.g5.xlarge", OWN),
        ("ml.c7g.large", OWN),
    ],
)
def test_what_fits(name: str, image: ImageTraits) -> None:
    verdict = check_instance(name, image)
    assert not verdict.errors
    assert verdict.warnings == ()


@pytest.mark.parametrize(
    ("name", "image", "error"),
    [
        (
            "ml.g5.12xlarge",
            GPU,
            r"ml\.g5\.12xlarge has 4 GPUs; .* ml\.g5\.16xlarge is the largest of",
        ),
        ("ml.p3.16xlarge", OLD_GPU, r"has 8 GPUs; .* ml\.p3\.2xlarge is the largest"),
        ("ml.p4d.24xlarge", OWN, r"has 8 GPUs; .* this family has none; ml\.g5\.16xlarge is the largest"),
        (
            "ml.p2.xlarge",
            OLD_GPU,
            r"K80 .* 3\.7; Triton .* 24\.09 .* needs 6\.0 .* ml\.g4dn\.xlarge",
        ),
        ("ml.p3.2xlarge", GPU, r"V100 .* 7\.0; Triton Inference Server 26\.05 .* needs 7\.5 or more"),
        ("ml.g5.xlarge", XGBOOST, r"ml\.g5\.xlarge is a GPU type; XGBoost .* CPUs only: use a CPU type"),
        ("ml.g5.xlarge", CPU, r"26\.05 \(CPU build\) cannot use its GPU: use the GPU build"),
        ("ml.c7g.large", CPU, r"ml\.c7g\.large is arm64, .* built for x86_64: use"),
        ("ml.inf1.xlarge", GPU, r"ml\.inf1\.xlarge computes on Inferentia; "),
        ("ml.dl1.24xlarge", OWN, r"computes on Gaudi"),
        ("ml.g5.xlage", GPU, r"ml\.g5\.xlage is not a SageMaker hosting .*: did you mean ml\.g5\.xlarge"),
        ("m5.large", CPU, r"m5\.large is not .*: did you mean ml\.m5\.large\?$"),
        ("quantum", CPU, r"quantum is not .*: use for example ml\.m5\.xlarge"),
        ("ML.M5.Large", CPU, r"ML\.M5\.Large is not .*: did you mean ml\.m5\.large\?$"),
        ("ml.m5.large ", CPU, r"'ml\.m5\.large ' is not .*: did you mean ml\.m5\.large\?$"),
        ("", CPU, r"'' is not a SageMaker hosting instance type"),
    ],
)
def test_an_unsuitable_type_has_a_reason_and_a_hint(name: str, image: ImageTraits, error: str) -> None:
    verdict = check_instance(name, image)
    assert verdict.errors
    assert re.search(error, " | ".join(verdict.errors)), verdict.errors


def test_all_faults_are_named_at_once() -> None:
    verdict = check_instance("ml.p3.8xlarge", GPU)
    assert len(verdict.errors) == 2
    assert "4 GPUs" in verdict.errors[0]
    assert "7.5" in verdict.errors[1]


@pytest.mark.parametrize(
    "name", ["ml.g6.xlarge", "ml.g6e.16xlarge", "ml.g7.2xlarge", "ml.g7e.8xlarge", "ml.p5.4xlarge"]
)
def test_newer_single_gpu_types_warn(name: str) -> None:
    verdict = check_instance(name, GPU)
    assert not verdict.errors
    assert re.search(rf"{re.escape(name)} is a single-GPU type that AWS does not list", verdict.warnings[0])


def test_a_gpu_build_without_a_gpu_warns() -> None:
    verdict = check_instance("ml.m5.large", GPU)
    assert not verdict.errors
    assert "use the CPU build" in verdict.warnings[0]


def test_a_type_newer_than_the_catalog_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme.catalog.suitability.hosting_types", lambda: (*hosting_types(), "ml.z9.large"))
    verdict = check_instance("ml.z9.large", CPU)
    assert not verdict.errors
    assert "newer than this catalog" in verdict.warnings[0]


def test_each_hosting_type_gets_a_verdict_with_both_builds() -> None:
    for name in hosting_types():
        kind = instance_type(name)
        assert kind is not None
        good = not (check_instance(name, GPU).errors and check_instance(name, CPU).errors)
        able = kind.gpus == 0 or (kind.gpus == 1 and kind.compute_capability >= 7.5)
        assert good == (able and kind.arch == "x86_64" and not kind.accelerator), name


def test_every_x86_cpu_type_takes_the_cpu_build() -> None:
    cpu_types = [
        kind
        for kind in instance_types().values()
        if not kind.gpus and not kind.accelerator and kind.arch == "x86_64"
    ]
    assert len(cpu_types) > 80
    assert not any(check_instance(kind.name, CPU).errors for kind in cpu_types)


def test_an_image_that_follows_paths_out_of_its_folder_warns() -> None:
    verdict = check_image(OLD_GPU)
    assert not verdict.errors
    assert re.search(r"24\.09 .*path traversal.*: use 26\.03 or newer$", verdict.warnings[0])
    assert check_image(GPU).warnings == ()
    assert check_image(OWN).warnings == ()
