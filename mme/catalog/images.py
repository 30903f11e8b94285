"""AWS's multi-model serving images: versions, tags, and the account that holds them in each region."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from mme.catalog.frameworks import Framework, framework_of_repository, frameworks
from mme.catalog.records import record
from mme.errors import MmeError

_Value = TypeVar("_Value", int, float)


class Processor(Enum):
    """The kind of instance that an image is built for."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, kw_only=True)
class ImageTraits:
    """What is known of an image before it runs; None = not known, so that it passes every check.

    Attributes:
        name: The image's name in messages.
        framework: The serving framework in it.
        version: The framework's version, such as `26.05`.
        processor: What it is built for.
        arch: `x86_64` or `arm64`.
    """

    name: str
    framework: Framework | None = None
    version: str | None = None
    processor: Processor | None = None
    arch: str | None = None

    @property
    def minimum_compute_capability(self) -> float | None:
        """The NVIDIA compute capability it needs; None if it needs no GPU or that is not known."""
        if self.framework is None or self.processor is Processor.CPU:
            return None
        return _since(self.framework.minimum_compute_capability, self.version)

    @property
    def cuda_major(self) -> int | None:
        """The major CUDA version that it is built on; None if it needs no GPU or that is not known."""
        if self.framework is None or self.processor is not Processor.GPU:
            return None
        return _since(self.framework.cuda_major, self.version)

    @property
    def paths_confined_from(self) -> str | None:
        """The first version that refuses model paths out of its folder; None if this one does or may do."""
        first = self.framework.paths_confined_from if self.framework else None
        if first is None or self.version is None or version_key(self.version) >= version_key(first):
            return None
        return first


@dataclass(frozen=True, kw_only=True)
class CatalogImage:
    """One framework's images as AWS publishes them.

    Attributes:
        framework: What is in them.
        versions: Published versions, oldest first.
        accounts: The AWS account of the repository, by region; not every region has every version.
    """

    framework: Framework
    versions: tuple[str, ...]
    accounts: dict[str, str]
    _spec: dict[str, Any]

    def traits(self, version: str, processor: Processor) -> ImageTraits:
        """Return what is known of a version.

        Args:
            version: Such as `26.05`.
            processor: The build.

        Raises:
            MmeError: AWS doesn't publish the version, or not for this processor.
        """
        builds = self._builds(version)
        if processor.value not in builds:
            raise MmeError(
                f"{self.framework.title} {version} has no {processor.name} build that serves many models",
                hint=f"use the {' or '.join(build.upper() for build in builds)} build",
            )
        build = f" ({processor.name} build)" if len(builds) > 1 else ""
        return ImageTraits(
            name=f"{self.framework.title} {version}{build}",
            framework=self.framework,
            version=version,
            processor=processor,
            arch=self._spec["arch"],
        )

    def tag(self, version: str, processor: Processor) -> str:
        """Return the image tag, such as `26.05-py3-cpu`.

        Args:
            version: Such as `26.05`.
            processor: The build.

        Raises:
            MmeError: AWS doesn't publish the version, or not for this processor.
        """
        self.traits(version, processor)
        return self._builds(version)[processor.value]

    def regions(self, version: str) -> list[str]:
        """Return the regions that have a version, sorted.

        Raises:
            MmeError: AWS doesn't publish the version.
        """
        self._builds(version)
        absent = self._spec["versions"][version]["not_in"]
        return sorted(self.accounts.keys() - set(absent))

    def require_region(self, version: str, region: str) -> None:
        """Check that a region has a version.

        Args:
            version: Such as `26.05`.
            region: Such as `eu-west-1`.

        Raises:
            MmeError: The region has no image of the framework, or not this version.
        """
        present = [known for known in self.versions if region in self.regions(known)]
        if version in present:
            return
        if present:
            raise MmeError(
                f"{self.framework.title} {version} is not in {region}",
                hint=f"{present[-1]} is the newest there",
            )
        raise MmeError(
            f"AWS has no {self.framework.title} image in {region}",
            hint="copy one to your own repository and use that, or use another region",
        )

    def _builds(self, version: str) -> dict[str, str]:
        """Return the tags of a version by processor."""
        if version not in self.versions:
            raise MmeError(
                f"{self.framework.title} {version} is not a SageMaker image in this catalog",
                hint=f"use one of {', '.join(self.versions)}, or give a full image uri",
            )
        tags: dict[str, str] = self._spec["versions"][version]["tags"]
        return tags


@cache
def catalog_image(framework: str) -> CatalogImage:
    """Return the published images of a framework, such as `triton`. Source: `data/images.json`."""
    content = record("images")
    spec = content["images"][framework]
    nowhere = set.intersection(*(set(version["not_in"]) for version in spec["versions"].values()))
    accounts = content["registries"][spec["registry"]]
    return CatalogImage(
        framework=frameworks()[framework],
        versions=tuple(spec["versions"]),
        accounts={region: account for region, account in accounts.items() if region not in nowhere},
        _spec=spec,
    )


def _since(steps: Mapping[str, _Value], version: str | None) -> _Value | None:
    """Return the value of the last step that a version has reached; steps are by version, oldest first."""
    reached = [
        value for first, value in steps.items() if version and version_key(first) <= version_key(version)
    ]
    return reached[-1] if reached else None


def domain_suffix(region: str) -> str:
    """Return the DNS suffix of a region's registries, mostly `amazonaws.com`."""
    suffix: str = record("images")["domain_suffixes"].get(region, "amazonaws.com")
    return suffix


def version_key(version: str) -> tuple[int, ...]:
    """Return the sort key of a version such as `25.03`: the numbers in it."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.]+)"
    r"/(?P<repository>[a-z0-9._/-]+?)(?::(?P<tag>[\w.-]+))?(?:@sha256:[0-9a-f]{64})?"
)


@dataclass(frozen=True, kw_only=True)
class EcrImage:
    """The parts of an ECR image uri. An untagged uri has an empty tag."""

    account: str
    region: str
    repository: str
    tag: str


def parse_ecr_uri(uri: str) -> EcrImage | None:
    """Return the parts of `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG`; else None."""
    match = _URI.fullmatch(uri)
    if match is None:
        return None
    return EcrImage(
        account=match["account"],
        region=match["region"],
        repository=match["repository"],
        tag=match["tag"] or "",
    )


def traits_of(repository: str, tag: str, *, name: str, account: str | None = None) -> ImageTraits:
    """Return what is known of an image: much of AWS's own, nothing of others.

    A repository of another account that is only named like one of AWS's CPU images may contain anything; one
    that is named like Triton's is taken for a mirror of it.

    Args:
        repository: The repository's name.
        tag: The image's tag.
        name: The image's name in messages.
        account: Account of the repository. Default: AWS's.
    """
    framework = framework_of_repository(repository)
    if framework is None or (
        account is not None
        and not framework.gpu
        and account not in catalog_image(framework.name).accounts.values()
    ):
        return ImageTraits(name=name)
    number = re.match(r"\d+(\.\d+)*", tag)
    return ImageTraits(
        name=name,
        framework=framework,
        version=number[0] if number else None,
        processor=Processor.GPU if framework.gpu and "cpu" not in tag else Processor.CPU,
    )
