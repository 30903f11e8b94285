"""Archives for NVIDIA Triton."""

from __future__ import annotations

from typing import ClassVar, Final

from mme.archives.framework_archive import FrameworkArchive, FrameworkReading
from mme.archives.triton.config import DEFAULT_MODEL_FILES
from mme.archives.triton.layout import read_triton
from mme.archives.triton.version_rules import is_version

_MAX_CONFIG_DEPTH: Final = 4
_MODEL_FILES: Final = (*DEFAULT_MODEL_FILES.values(), "model.savedmodel", "model.graphdef", "model.pt2")


class Triton(FrameworkArchive):
    """A model directory with config.pbtxt and version directories, or an ensemble of them."""

    unmistakable: ClassVar[bool] = True

    def matches(self) -> bool:
        """Return whether there is a config.pbtxt, or a model's file in a version directory."""
        for member in self.contents.members:
            if member.name.lower().startswith("config.pbtxt") and member.depth <= _MAX_CONFIG_DEPTH:
                return True
            parts = member.path.split("/")
            if member.name in _MODEL_FILES and len(parts) in (2, 3) and is_version(parts[-2]):
                return True
        return False

    def read(self) -> FrameworkReading:
        """Read the archive as Triton does."""
        reading = read_triton(self.contents, self.endpoint)
        return FrameworkReading(reading.layout, reading.models, reading.findings)
