"""The program of a container in script mode: its file, and the directory or archive that has it."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from aws_cdk import AssetHashType, Stack, aws_iam, aws_s3_assets
from constructs import Construct

from mme.catalog.images import ImageTraits
from mme_cdk._internal.grants import allow
from mme_cdk._internal.validation import known, require

# Source: aws/sagemaker-scikit-learn-container, aws/sagemaker-xgboost-container: read when they start.
PROGRAM: Final = "SAGEMAKER_PROGRAM"
SOURCE: Final = "SAGEMAKER_SUBMIT_DIRECTORY"
_REGION: Final = "SAGEMAKER_REGION"
_URL: Final = re.compile(r"s3://[^/]+/[^*?$]+\.tar\.gz")
_NEEDS_ONE: Final = "scikit-learn"
_NAME: Final = "sourcedir.tar.gz"


class Program:
    """A program that serves all models of a container.

    Attributes:
        file: Its file, relative to the source.
        source: Its directory, or the S3 URL of an archive of it.
    """

    def __init__(self, file: str, source: str | Path) -> None:
        """Take a program.

        Args:
            file: Its file, such as `inference.py`.
            source: A directory, or the S3 URL of a `.tar.gz`.

        Raises:
            PropsError: No such directory or file, or a URL that is not one archive.
        """
        self.file = file
        self.source = str(source)
        require(*self._faults())

    def bind(self, scope: Construct, role: aws_iam.IRole) -> dict[str, str]:
        """Allow a role to read the source, and return the container's variables.

        Args:
            scope: A construct of the stack that uses the image.
            role: Role of the containers.
        """
        stack = Stack.of(scope)
        if self._in_s3:
            arn = f"arn:{stack.partition}:s3:::{self.source.removeprefix('s3://')}"
            allow(role, ["s3:GetObject"], [arn])
            url = self.source
        else:
            asset = _asset(scope, Path(self.source))
            objects = [asset.bucket.arn_for_objects(asset.s3_object_key)]
            allow(role, ["s3:GetObject"], objects, bucket=asset.bucket)
            url = asset.s3_object_url
        return {PROGRAM: self.file, SOURCE: url, _REGION: stack.region}

    @property
    def _in_s3(self) -> bool:
        return not known(self.source) or self.source.startswith("s3://")

    def _faults(self) -> Iterator[str]:
        if not known(self.source):
            return
        if self._in_s3:
            if not _URL.fullmatch(self.source):
                yield f"source {self.source} is not one archive: use s3://BUCKET/KEY/sourcedir.tar.gz"
            return
        folder = Path(self.source)
        if folder.is_file():
            yield f"source {folder} is a file: give its directory, and the file as program"
        elif not folder.is_dir():
            yield f"source {folder} does not exist: give the directory of the program"
        elif known(self.file) and not (folder / self.file).is_file():
            yield f"source {folder} has no {self.file}: name the program's file with program="
        if known(self.file) and (PurePosixPath(self.file).suffix != ".py" or ".." in self.file.split("/")):
            yield f"program {self.file} is not a Python file in the source: use inference.py"


class _Image(Protocol):
    """What of a `ServingImage` is needed here."""

    traits: ImageTraits
    program: Program | None


def program_faults(*containers: tuple[_Image, Mapping[str, str]], isolated: bool) -> Iterator[str]:
    """Yield why a container would not find its program.

    Args:
        containers: Image of each container of the model, and the variables that the user sets.
        isolated: Whether they have no network.
    """
    for image, environment in containers:
        if image.program is None:
            framework = image.traits.framework.name if image.traits.framework else None
            if framework == _NEEDS_ONE and PROGRAM not in environment:
                yield (
                    f"{image.traits.name} has no program; its container does not start without one: use "
                    'ServingImage.scikit_learn(..., program="inference.py", source="code")'
                )
            continue
        for name in {PROGRAM, SOURCE} & environment.keys():
            yield f"environment sets {name}, which the image's program sets, too: use one of the two"
        if isolated:
            yield (
                "network_isolation is True; the container could not download its program: build an image "
                "that contains it, and set SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY in environment"
            )


def _asset(scope: Construct, folder: Path) -> aws_s3_assets.Asset:
    """Define the archive of a directory as an asset, equal for equal files on every machine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, dereference=True) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not any(_left_out(part) for part in name.parts):
                archive.add(path, name.as_posix(), filter=_plain)
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / _NAME
        file.write_bytes(gzip.compress(packed.getvalue(), mtime=0))
        # CDK copies the file into the assembly at once.
        return aws_s3_assets.Asset(
            scope, "Program", path=str(file), asset_hash=digest, asset_hash_type=AssetHashType.CUSTOM
        )


def _left_out(part: str) -> bool:
    return part.startswith(".") or part == "__pycache__"


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out what differs between machines."""
    plain = tarfile.TarInfo(member.name)
    plain.size, plain.mode = member.size, 0o644
    return plain
