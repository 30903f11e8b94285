"""Archives for AWS's MXNet container.

Source: SageMaker Python SDK documentation, "Using MXNet with the SageMaker Python SDK".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from mme.archives.framework_archive import FrameworkArchive
from mme.findings import Finding

_PARAMETERS: Final = ".params"
_FILES: Final = {
    "-symbol.json": ("symbol", "model-symbol.json"),
    "-shapes.json": ("shapes", "model-shapes.json"),
    _PARAMETERS: ("parameters", "model-0000.params"),
}


class MXNet(FrameworkArchive):
    """A checkpoint of three files at the root."""

    layout: ClassVar[str] = "mxnet-checkpoint"
    unmistakable: ClassVar[bool] = True

    def matches(self) -> bool:
        """Return whether there is a symbol or a parameters file."""
        return bool(self.anywhere(("-symbol.json", _PARAMETERS)))

    def model_file(self) -> str:
        """Return the parameters file."""
        return next(iter(self.at_root(_PARAMETERS)), "")

    def check(self) -> Iterator[Finding]:
        """Yield which files are missing."""
        for ending, (kind, name) in _FILES.items():
            if self.loads_itself or self.at_root(ending):
                continue
            deep = self.anywhere(ending)
            place = f"; {deep[0]} is not there" if deep else ""
            text = f"the {kind} file {name} is missing at the root{place}"
            hint = "save the module with save_checkpoint and pack all three files"
            yield Finding.error("mxnet-incomplete", text, hint)
