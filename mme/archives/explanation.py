"""How the container will read an archive, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from mme.archives.model_directory import Member
from mme.archives.signature import TensorSignature, TensorSpec
from mme.findings import Finding, Severity

Kind = Literal["archive", "directory"]
Role = Literal["model", "ensemble", "step", "callee", "idle"]


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model in an archive. All but ensembles hold one; framework containers see one, without tensors.

    Attributes:
        folder: its directory in the archive, empty where it lies at the root.
        role: `model` is what a request reaches, or `ensemble` where that is one; `step` belongs to the
            ensemble, `callee` is called by another model's code, `idle` is never loaded.
        platform: the config's platform or backend; a file name for framework containers; may be empty.
        versions: those that Triton loads.
        signature: its tensors, as far as the config declares them.
        calls: models that its Python code calls by a name written in the code.
        unpacked_bytes: of its directory.
    """

    folder: str
    role: Role
    platform: str = ""
    versions: tuple[int, ...] = ()
    signature: TensorSignature = field(default_factory=TensorSignature)
    calls: tuple[str, ...] = ()
    unpacked_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an archive is, what is wrong with it, how to mend that, and what it weighs.

    Attributes:
        source: the path, URL or name it was read from, for messages.
        kind: an archive, or a directory as it would be packed.
        framework: `triton`, `tensorflow`, `pytorch`, `mxnet`, `xgboost`, `scikit-learn`; `unknown` where
            nothing tells.
        layout: for Triton `flat`, `sub-directory`, `ensemble` or `ambiguous`; for the others the name of
            their own; `unreadable` where the archive can't be opened, `unknown` where it makes no sense.
        findings: errors first, then warnings, then notes.
        unpacked_bytes: sum of the files' contents: what the container has on disk.
        packed_bytes: of the archive itself; None for a directory.
        files: how many.
        largest: the largest files, the largest first.
        models: the one that answers requests first.
        complete: False where reading stopped early, so that sizes are lower bounds.
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
    complete: bool = True

    @property
    def servable(self) -> bool:
        """Whether the container will load it and answer requests, as far as an archive alone can tell."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Why it will not be served."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What may fail, or is not what was meant."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)

    @property
    def codes(self) -> tuple[str, ...]:
        """The findings' codes, in order."""
        return tuple(finding.code for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """A plain structure for scripts; the keys are stable."""
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
            "findings": [
                {
                    "severity": finding.severity.value,
                    "code": finding.code,
                    "message": finding.message,
                    "hint": finding.hint,
                }
                for finding in self.findings
            ],
            "models": [_model_json(model) for model in self.models],
        }


def _model_json(model: ModelSummary) -> dict[str, Any]:
    return {
        "folder": model.folder,
        "role": model.role,
        "platform": model.platform,
        "versions": list(model.versions),
        "max_batch_size": model.signature.max_batch_size,
        "inputs": [_tensor_json(spec) for spec in model.signature.inputs],
        "outputs": [_tensor_json(spec) for spec in model.signature.outputs],
        "calls": list(model.calls),
        "unpacked_bytes": model.unpacked_bytes,
    }


def _tensor_json(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "dims": list(spec.dims)}
