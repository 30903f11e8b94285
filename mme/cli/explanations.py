"""Print an archive's explanation for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mme.console import (
    assembled,
    count_text,
    plain_table,
    print_layout,
    print_line,
    print_table,
    size_text,
    standard_output,
    styled,
)

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from mme.archives.explanation import Explanation, ModelSummary
    from mme.findings import Finding

_STYLES: Final = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_ROLES: Final = {
    "model": "answers requests",
    "ensemble": "answers requests (ensemble)",
    "step": "a step of the ensemble",
    "callee": "called by code, not loaded",
    "idle": "not loaded",
}


def print_explanation(found: Explanation) -> None:
    """Print the verdict, the findings with their hints, the models with their tensors, and the sizes."""
    console = standard_output()
    print_line(found.source, style="bold")
    print_line(_what(found))
    console.print(_verdict(found))
    if found.findings:
        console.print()
        print_layout(_findings(found.findings))
    if found.models:
        console.print()
        print_table(_models(found.models))
    tensors = _tensors(found.models)
    if tensors is not None:
        console.print()
        print_table(tensors)
    if found.model_files:
        console.print()
        for path, text in found.model_files.items():
            print_line(f"{path}: {text}")
    console.print()
    print_line(_sizes(found), style="dim")


def _what(found: Explanation) -> str:
    from mme.catalog.frameworks import frameworks

    if found.layout == "unreadable":
        return "It can't be read to its end."
    if found.framework not in frameworks():
        return "It is a model of no known framework."
    title = frameworks()[found.framework].title
    kind = "A directory, read as it would be packed: " if found.kind == "directory" else ""
    layout = "" if found.layout in ("unknown", "own") else f", layout {found.layout}"
    return f"{kind}{title}{layout}"


def _verdict(found: Explanation) -> Text:
    errors, warnings = len(found.errors), len(found.warnings)
    addition = f", {count_text(warnings, 'warnings')}" if warnings else ""
    if errors:
        return styled(f"It would not be served: {count_text(errors, 'errors')}{addition}", "bold red")
    return styled(f"It would be served{addition}", "bold green")


def _findings(findings: tuple[Finding, ...]) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        parts = (f" [{finding.code}]", "dim"), (f"\n{finding.hint}", "italic")
        text = assembled(finding.message, *parts)
        table.add_row(styled(finding.severity, _STYLES[finding.severity]), text)
    return table


def _models(models: tuple[ModelSummary, ...]) -> Table:
    table = plain_table("MODEL", "ROLE", "PLATFORM", "VERSIONS", "UNPACKED", right=("UNPACKED",))
    for model in models:
        role = _ROLES[model.role]
        if model.calls:
            role += f"; calls {', '.join(model.calls)}"
        table.add_row(
            f"{model.folder}/" if model.folder else "(root)",
            role,
            model.platform or "-",
            ", ".join(map(str, model.versions)) or "-",
            size_text(model.unpacked_bytes),
        )
    return table


def _tensors(models: tuple[ModelSummary, ...]) -> Table | None:
    with_tensors = [model for model in models if model.signature.inputs or model.signature.outputs]
    if not with_tensors:
        return None
    several = len(with_tensors) > 1
    table = plain_table(*(["MODEL"] if several else []), "TENSOR", "NAME", "TYPE", "SHAPE")
    for model in with_tensors:
        for kind, specs in (("input", model.signature.inputs), ("output", model.signature.outputs)):
            for spec in specs:
                shape = model.signature.request_shape(spec)
                row = [model.folder or "(root)"] if several else []
                row += [kind, spec.name, spec.kind, _shape(shape, model.signature.max_batch_size)]
                table.add_row(*row)
    return table


def _shape(shape: tuple[int, ...], max_batch_size: int) -> str:
    text = ", ".join("any" if dim == -1 else str(dim) for dim in shape)
    return f"[{text}], first up to {max_batch_size}" if max_batch_size else f"[{text}]"


def _sizes(found: Explanation) -> str:
    if not found.complete and not found.files:
        return f"{size_text(found.packed_bytes or 0)} read"
    least = "" if found.complete else "at least "
    text = f"{least}{size_text(found.unpacked_bytes)} unpacked in {count_text(found.files, 'files')}"
    if found.packed_bytes is not None:
        text += f", {least}{size_text(found.packed_bytes)} packed"
    if found.largest:
        shown = ", ".join(f"{member.path} {size_text(member.size)}" for member in found.largest)
        text += f"; largest: {shown}"
    return text
