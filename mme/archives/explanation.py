"""How the container will read an archive, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mme.archives.model_directory import Member
from mme.archives.signature import TensorSignature
from mme.findings import Finding, Severity

Kind = Literal["archive", "directory"]
Role = Literal["model", "ensemble", "step", "callee", "idle"]


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model in an archive. Framework containers other than Triton see one, without tensors.

    Attributes:
        folder: Its directory in the archive, empty for the root.
        role: `model` or `ensemble` answers requests, a `step` belongs to the ensemble, a `callee` is called
            by another model's code, `idle` is never loaded.
        platform: The config's platform or backend; a file name for framework containers; may be empty.
        versions: Those that Triton loads.
        signature: Its tensors, as far as the config declares them.
        calls: Models that its Python code calls by a literal name.
        unpacked_bytes: Of its directory.
    """

    folder: str
    role: Role
    platform: str = ""
    versions: tuple[int, ...] = ()
    signature: TensorSignature = field(default_factory=TensorSignature)
    calls: tuple[str, ...] = ()
    unpacked_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return a plain structure for scripts; the keys are stable."""
        return {
            "folder": self.folder,
            "role": self.role,
            "platform": self.platform,
            "versions": list(self.versions),
            "max_batch_size": self.signature.max_batch_size,
            "inputs": [asdict(spec) | {"dims": list(spec.dims)} for spec in self.signature.inputs],
            "outputs": [asdict(spec) | {"dims": list(spec.dims)} for spec in self.signature.outputs],
            "calls": list(self.calls),
            "unpacked_bytes": self.unpacked_bytes,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an archive is, what is wrong with it, how to fix that, and how large it is.

    Attributes:
        source: The path, URL or name it was read from, for messages.
        kind: An archive, or a directory as it would be packed.
        framework: The framework's short name in the catalog, or `unknown`.
        layout: For Triton `flat`, `sub-directory`, `ensemble` or `ambiguous`; for other frameworks their one
            layout; `unreadable` if reading stopped early, `unknown` if no container reads it.
        findings: Errors first, then warnings, then notes.
        unpacked_bytes: Sum of the files' contents: what the container has on disk.
        packed_bytes: Of the archive itself; None for a directory.
        files: Number of files.
        largest: The largest files, the largest first.
        models: The one that answers requests first.
        model_files: What boosters and TorchScript files say of themselves, by path: features, or the
            signature of `forward`.
        complete: False if reading stopped early, so that sizes are lower bounds.
    """

    source: str
    kind: Kind
    framework: str
    layout: str
    findings: tuple[Finding, ...] = ()
    unpacked_bytes: int = 0
    packed_bytes: int | None = None
    files: int = 0
    largest: tuple[Member, ...] = ()
    models: tuple[ModelSummary, ...] = ()
    model_files: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True

    @property
    def servable(self) -> bool:
        """Whether the container will load it and answer requests, as far as an archive alone tells."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Why it will not be served."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What may fail, or differ from what was meant."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)

    @property
    def codes(self) -> tuple[str, ...]:
        """The findings' codes, in order."""
        return tuple(finding.code for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return a plain structure for scripts; the keys are stable."""
        return {
            "source": self.source,
            "kind": self.kind,
            "servable": self.servable,
            "framework": self.framework,
            "layout": self.layout,
            "unpacked_bytes": self.unpacked_bytes,
            "packed_bytes": self.packed_bytes,
            "complete": self.complete,
            "files": self.files,
            "largest": [{"path": member.path, "bytes": member.size} for member in self.largest],
            "findings": [asdict(finding) for finding in self.findings],
            "models": [model.to_json() for model in self.models],
            "model_files": dict(self.model_files),
        }
