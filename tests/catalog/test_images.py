from __future__ import annotations

import re

import pytest
from aws_cdk.region_info import RegionInfo

from mme.catalog.frameworks import framework_of_repository, frameworks
from mme.catalog.images import Processor, catalog_image, domain_suffix, parse_ecr_uri, traits_of
from mme.errors import MmeError

TRITON = catalog_image("triton")


def test_tags() -> None:
    assert TRITON.tag("26.05", Processor.GPU) == "26.05-py3"
    assert TRITON.tag("26.05", Processor.CPU) == "26.05-py3-cpu"


def test_versions_are_the_published_ones() -> None:
    assert TRITON.versions == ("23.12", "24.01", "24.03", "24.05", "24.09", "25.04", "25.09", "26.05")


@pytest.mark.parametrize("name", ["triton", "pytorch", "tensorflow", "mxnet"])
def test_accounts_agree_with_cdks_region_facts(name: str) -> None:
    compared = 0
    for region, account in catalog_image(name).accounts.items():
        fact = RegionInfo.get(region).dlc_repository_account
        if fact is not None:
            assert fact == account, region
            compared += 1
    assert compared >= 25


def test_domain_suffixes_agree_with_cdks_region_facts() -> None:
    regions = {region for name in frameworks() for region in catalog_image(name).accounts}
    facts = {region: RegionInfo.get(region).domain_suffix for region in regions}
    assert sum(fact is not None for fact in facts.values()) >= 40
    assert {region: fact for region, fact in facts.items() if fact not in {None, domain_suffix(region)}} == {}


def test_the_published_accounts_of_other_frameworks() -> None:
    north_virginia = {name: catalog_image(name).accounts["us-east-1"] for name in frameworks()}
    assert north_virginia == {
        **dict.fromkeys(("triton", "pytorch", "tensorflow", "mxnet"), "763104351884"),
        **dict.fromkeys(("xgboost", "scikit-learn"), "683313688378"),
        **dict.fromkeys(("knn", "linear-learner", "random-cut-forest"), "382416733822"),
    }


def test_every_framework_has_images_and_each_version_a_tag_that_names_it() -> None:
    for name in frameworks():
        image = catalog_image(name)
        for version in image.versions:
            assert image.tag(version, Processor.CPU).startswith(version)
            assert len(image.regions(version)) >= 26


def test_a_build_that_does_not_exist() -> None:
    with pytest.raises(MmeError, match=r"XGBoost 3\.2-0 has no GPU build .*\n?use the CPU build"):
        catalog_image("xgboost").tag("3.2-0", Processor.GPU)


def test_a_region_that_came_after_a_version() -> None:
    with pytest.raises(MmeError, match=r"24\.09 is not in ap-south-2\n26\.05 is the newest there"):
        TRITON.require_region("24.09", "ap-south-2")


@pytest.mark.parametrize(("version", "first"), [("25.09", "26.03"), ("26.03", None), ("26.05", None)])
def test_which_versions_do_not_confine_paths(version: str, first: str | None) -> None:
    traits = traits_of("sagemaker-tritonserver", f"{version}-py3", name="t")
    assert traits.paths_confined_from == first


def test_repositories_of_other_accounts_are_unknown() -> None:
    assert traits_of("sagemaker-xgboost", "1.2-1", name="x").paths_confined_from is None
    assert traits_of("team/server", "1.0", name="o").paths_confined_from is None


def test_china_has_its_own_suffix_and_stops_at_an_older_version() -> None:
    assert domain_suffix("cn-north-1") == "amazonaws.com.cn"
    assert domain_suffix("eu-west-1") == "amazonaws.com"
    assert "cn-north-1" in TRITON.regions("25.04")
    assert "cn-north-1" not in TRITON.regions("25.09")
    with pytest.raises(MmeError, match=r"26\.05 is not in cn-north-1\n25\.04 is the newest there"):
        TRITON.require_region("26.05", "cn-north-1")


def test_a_region_without_the_image() -> None:
    with pytest.raises(MmeError, match=r"no Triton Inference Server image in us-gov-west-1\ncopy one"):
        TRITON.require_region("26.05", "us-gov-west-1")
    TRITON.require_region("26.05", "us-east-1")


@pytest.mark.parametrize("version", ["22.07", "26.5", ""])
def test_an_unpublished_version_names_the_published_ones(version: str) -> None:
    with pytest.raises(MmeError, match=rf"{re.escape(version)} is not a SageMaker image.*\n.*23\.12.*26\.05"):
        TRITON.traits(version, Processor.GPU)


@pytest.mark.parametrize(
    ("version", "processor", "needed"),
    [
        ("24.09", Processor.GPU, 6.0),
        ("25.04", Processor.GPU, 7.5),
        ("26.05", Processor.GPU, 7.5),
        ("26.05", Processor.CPU, None),
    ],
)
def test_compute_capability(version: str, processor: Processor, needed: float | None) -> None:
    assert TRITON.traits(version, processor).minimum_compute_capability == needed


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:26.05-py3",
            ("763104351884", "us-east-1", "sagemaker-tritonserver", "26.05-py3"),
        ),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team/server",
            ("123456789012", "cn-north-1", "team/server", ""),
        ),
        (
            f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/server@sha256:{'a' * 64}",
            ("123456789012", "eu-west-1", "server", ""),
        ),
    ],
)
def test_parse_ecr_uri(uri: str, parts: tuple[str, str, str, str]) -> None:
    image = parse_ecr_uri(uri)
    assert image is not None
    assert (image.account, image.region, image.repository, image.tag) == parts


@pytest.mark.parametrize("uri", ["nvcr.io/nvidia/triton:26.05", "triton", "", "1.dkr.ecr.x/y"])
def test_parse_ecr_uri_refuses_the_rest(uri: str) -> None:
    assert parse_ecr_uri(uri) is None


def test_traits_of_a_repository() -> None:
    triton = traits_of("sagemaker-tritonserver", "25.03-py3", name="t")
    assert triton.framework == frameworks()["triton"]
    assert (triton.version, triton.processor) == ("25.03", Processor.GPU)
    assert traits_of("sagemaker-tritonserver", "25.03-py3-cpu", name="t").processor is Processor.CPU
    xgboost = traits_of("sagemaker-xgboost", "3.2-0", name="x")
    assert (xgboost.framework, xgboost.processor) == (frameworks()["xgboost"], Processor.CPU)
    own = traits_of("team/server", "1", name="o")
    assert (own.framework, own.processor, own.version) == (None, None, None)


def test_only_triton_takes_gpus() -> None:
    assert [name for name, framework in frameworks().items() if framework.gpu] == ["triton"]
    assert framework_of_repository("unknown") is None
