"""The user's program of a container: ``SAGEMAKER_PROGRAM`` in ``SAGEMAKER_SUBMIT_DIRECTORY``.

Source: aws/sagemaker-inference-toolkit, ``environment.py``; SageMaker Python SDK, "Using Scikit-learn".
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mme.archives.errors import UnreadableArchiveError
from mme.archives.unpacking import unpack
from mme.errors import MmeError
from mme_local.aws.control_plane import ObjectMissing, open_object
from mme_local.logs import last_line, reading

MODEL_FOLDER: Final = "/opt/ml/model"
"""The model of a single-model container on SageMaker; its archive may hold the program."""
_MOST_BYTES: Final = 512 * 1024 * 1024
_IMPORT: Final = "import importlib, sys; importlib.import_module(sys.argv[1])"


@dataclass(frozen=True, slots=True)
class Program:
    """Where a container's program is.

    Attributes:
        module: Its module; empty if there is no program.
        source: ``SAGEMAKER_SUBMIT_DIRECTORY``: the S3 URL of an archive, or a path.
    """

    module: str
    source: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Program:
        """Return the program that the variables of a deployed model name."""
        module = environment.get("SAGEMAKER_PROGRAM", "").removesuffix(".py").strip("/").replace("/", ".")
        return cls(module, environment.get("SAGEMAKER_SUBMIT_DIRECTORY", ""))

    @property
    def in_model(self) -> str | None:
        """Its folder within a single model's archive; None if it is elsewhere."""
        if self.source == MODEL_FOLDER or self.source.startswith(f"{MODEL_FOLDER}/"):
            return self.source.removeprefix(MODEL_FOLDER).strip("/")
        return None

    async def fetch(self, folder: Path) -> Path | None:
        """Return the folder with the program; None if the environment names none on this machine.

        Args:
            folder: For an archive's files; created again.

        Raises:
            MmeError: The archive or the path does not exist, or can't be unpacked.
        """
        if not self.source or self.in_model is not None:
            return None
        if self.source.startswith("s3://"):
            await asyncio.to_thread(self._unpack, folder)
            return folder
        path = Path(self.source)
        if path.is_dir():
            return path
        if path == Path("/opt/ml/code"):
            return None  # the image's own folder, which SDKs name without putting anything there
        raise MmeError(
            f"SAGEMAKER_SUBMIT_DIRECTORY is {self.source!r}; there is no such folder on this machine",
            hint="name the S3 URL of a sourcedir.tar.gz, or a folder of this machine",
        )

    def _unpack(self, folder: Path) -> None:
        bucket, _, key = self.source.removeprefix("s3://").partition("/")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            with open_object(bucket, key) as archive:
                unpack(archive.body, folder, max_bytes=_MOST_BYTES)
        except ObjectMissing:
            raise MmeError(
                f"SAGEMAKER_SUBMIT_DIRECTORY is {self.source}; there is no such object",
                hint="upload the program's sourcedir.tar.gz there first",
            ) from None
        except UnreadableArchiveError as error:
            raise MmeError(
                f"SAGEMAKER_SUBMIT_DIRECTORY {self.source} can't be unpacked: {error}",
                hint="pack it again (tar czf sourcedir.tar.gz -C DIRECTORY .) and upload it again",
            ) from None

    async def check_import(
        self, environment: Mapping[str, str], folder: Path, log: Path, seconds: float
    ) -> None:
        """Import it once, as the image does at its start.

        Args:
            environment: All variables of the process.
            folder: Its working directory.
            log: Its output is appended to this file.
            seconds: Time limit.

        Raises:
            MmeError: It can't be imported, or the time is up; the message ends with the last line.
        """
        own = folder / "import.log"  # the server may write to the log at the same time
        with own.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _IMPORT, self.module),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                cwd=folder,
            )
        try:
            status = await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            raise MmeError(
                f"importing the program {self.module} took over {seconds:g} s",
                hint="give it more time: MME_LOCAL_START_SECONDS",
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            with log.open("ab") as shared:
                shared.write(own.read_bytes())
        if status:
            last = last_line(own) or f"status {status}"
            uploaded = self.source.startswith("s3://")
            fix = "fix it, upload it under a new key and deploy again" if uploaded else "fix it"
            raise MmeError(
                f"the program {self.module} can't be imported: {last}",
                hint=f"{fix}; for the traceback, {reading(log)}",
            )
