"""What all framework containers have in common when they read an archive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from mme.archives.contents import Contents
from mme.archives.endpoint_traits import EndpointTraits
from mme.archives.explanation import ModelSummary
from mme.archives.file_kind import is_lfs_pointer
from mme.archives.python_source import PythonSource, python_version, read_python
from mme.archives.signature import TensorSignature
from mme.findings import Finding

CODE_FILE: Final = "code/inference.py"


@dataclass(frozen=True, slots=True)
class FrameworkReading:
    """How a framework's container reads an archive.

    Attributes:
        layout: Its name for the layout; `own` if there are no rules for the framework.
        models: The models in it, the one that answers requests first.
        findings: What is wrong.
    """

    layout: str
    models: tuple[ModelSummary, ...]
    findings: tuple[Finding, ...]


class FrameworkArchive:
    """An archive as one framework's container reads it; as it is, for a framework without rules here.

    Args:
        name: The framework's short name in the catalog.
        contents: The archive's files.
        endpoint: Where it is to be served.
    """

    layout: ClassVar[str] = "own"
    unmistakable: ClassVar[bool] = False
    """Whether an archive that looks like another framework's can't be one of this framework."""

    def __init__(self, name: str, contents: Contents, endpoint: EndpointTraits) -> None:
        self.name = name
        self.contents = contents
        self.endpoint = endpoint
        self.root = [member for member in contents.children() if not member.is_directory]

    @property
    def code(self) -> PythonSource | None:
        """The parsed code/inference.py, if there is one."""
        source = self.contents.whole(CODE_FILE)
        return None if source is None else read_python(source)

    @property
    def loads_itself(self) -> bool:
        """Whether its code loads the model, so that files may be anywhere."""
        return self.code is not None and self.code.defines("model_fn")

    def at_root(self, endings: str | tuple[str, ...]) -> list[str]:
        """Return the names of the files at the root with one of these endings."""
        return [member.name for member in self.root if member.name.endswith(endings)]

    def anywhere(self, endings: str | tuple[str, ...]) -> list[str]:
        """Return the paths of all files with one of these endings."""
        return [member.path for member in self.contents.files if member.name.endswith(endings)]

    def matches(self) -> bool:
        """Return whether the archive looks like one of this framework."""
        return False

    def read(self) -> FrameworkReading:
        """Read the archive as the framework's container does."""
        findings = (*self.check(), *_code_findings(self), *_lfs_pointers(self.contents))
        pointers = {one.message for one in findings if one.code == "lfs-pointer"}
        findings += tuple(one for one in self.unreadable() if not pointers)
        summary = ModelSummary(
            folder="",
            role="model",
            platform=self.model_file(),
            versions=self.versions(),
            signature=self.signature(),
            unpacked_bytes=self.contents.unpacked_bytes,
        )
        return FrameworkReading(self.layout, (summary,), findings)

    def check(self) -> Iterator[Finding]:
        """Yield what is wrong for this framework alone."""
        yield from ()

    def unreadable(self) -> Iterator[Finding]:
        """Yield what is wrong with the model's own file, if its kind is read."""
        found = self.contents.model_files.get(self.model_file())
        if isinstance(found, Finding) and self.contents.start(self.model_file()):
            yield found

    def signature(self) -> TensorSignature:
        """Return the model's tensors, if its file states them."""
        return TensorSignature()

    def model_file(self) -> str:
        """Return the file that the container loads; empty if that is not known."""
        return ""

    def versions(self) -> tuple[int, ...]:
        """Return the versions that the container loads, if it knows any."""
        return ()


def _code_findings(archive: FrameworkArchive) -> Iterator[Finding]:
    for name in ("inference.py", "requirements.txt"):
        if archive.contents.find(name) is None or archive.contents.find(f"code/{name}"):
            continue
        text, hint = f"{name} is at the root; containers look in code/ only", f"move it to code/{name}"
        if name == "inference.py":
            yield Finding.warning("code-misplaced", text, hint)
        else:
            yield Finding.warning("requirements-misplaced", text, hint)
    if archive.code and archive.code.error:
        text = f"{CODE_FILE} is not valid Python {python_version()}: {archive.code.error}"
        yield Finding.error("code-syntax", text, "fix it; the container imports it while loading")


def _lfs_pointers(contents: Contents) -> Iterator[Finding]:
    for member in contents.files:
        if is_lfs_pointer(contents.start(member.path)):
            yield lfs_pointer(member.path)


def lfs_pointer(path: str) -> Finding:
    """Return the finding for a Git LFS pointer in the place of a file."""
    text = f"{path} is a Git LFS pointer, not the file it points to"
    return Finding.error("lfs-pointer", text, "run git lfs pull and pack it again")
