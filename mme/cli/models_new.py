"""`mme models new`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mme.archives.triton.config import CONFIG_FILE
from mme.cli.deployment import target_of
from mme.cli.options import Json
from mme.console import print_json, print_line
from mme.errors import MmeError

if TYPE_CHECKING:
    from mme.registry.drafts.draft import NewModel

_FROM_HELP = "Make it from a model file, with its configuration."
_TENSOR_HELP = "Tensor that the file does not state: dims without the batch, -1 for any size; repeatable."


class _Kind(StrEnum):
    CPU = "cpu"
    GPU = "gpu"


class _Format(StrEnum):
    ONNX = "onnx"


def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The model's name.", metavar="NAME")],
    source: Annotated[
        # Not as Path, which turns an empty string into the working directory.
        str | None, typer.Option("--from", help=_FROM_HELP, metavar="PATH", path_type=str)
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend", help="Make an example: python, onnx, pytorch, xgboost or sklearn.", metavar="BACKEND"
        ),
    ] = None,
    parent: Annotated[str, typer.Option("--in", help="Where to create the directory.", metavar="PATH")] = ".",
    kind: Annotated[
        _Kind | None, typer.Option("--kind", help="What a model of Triton computes on. Default: cpu.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help=_TENSOR_HELP, metavar="NAME:TYPE:DIMS")
    ] = None,
    outputs: Annotated[
        list[str] | None, typer.Option("--output", help="As --input.", metavar="NAME:TYPE:DIMS")
    ] = None,
    max_batch_size: Annotated[
        int | None,
        typer.Option(
            "--max-batch-size",
            min=0,
            help="0 if shapes have no batch dimension. Default: found out.",
            metavar="N",
        ),
    ] = None,
    convert_to: Annotated[
        _Format | None, typer.Option("--to", help="Convert it (scikit-learn, with skl2onnx).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a model directory that packs, publishes and loads as it is, from a model file or as an example.

    Example: mme models new churn --from churn.onnx

    Example: mme models new doubler --backend python --in model_registry

    Example: mme models new churn --backend xgboost
    """
    from mme.registry.drafts.draft import DraftOptions
    from mme.registry.drafts.from_file import model_from_file
    from mme.registry.drafts.tensor_option import parse_tensor
    from mme.registry.skeletons import new_model

    if source is None:
        given = {
            "--input": inputs,
            "--output": outputs,
            "--max-batch-size": max_batch_size,
            "--to": convert_to,
        }
        for option, value in given.items():
            if value is not None:
                raise MmeError(f"{option} describes a model file", hint="add --from PATH")
        made = new_model(name, backend or "python", parent, gpu=kind is _Kind.GPU)
    else:
        if backend is not None:
            raise MmeError(
                "--backend makes an example; --from makes a model from a file", hint="leave out one of them"
            )
        options = DraftOptions(
            gpu=None if kind is None else kind is _Kind.GPU,
            max_batch_size=max_batch_size,
            inputs=tuple(parse_tensor(text, "--input") for text in inputs or ()),
            outputs=tuple(parse_tensor(text, "--output") for text in outputs or ()),
            convert_to=convert_to or "",
        )
        made = model_from_file(name, source, options, parent)
    if as_json:
        files = [str(path) for path in made.files]
        request = None if made.request is None else str(made.request)
        print_json(
            {
                "directory": str(made.directory),
                "files": files,
                "facts": list(made.facts),
                "request": request,
                "next_step": made.next_step,
            }
        )
    else:
        _print_made(made, target_of(context).command)


def _print_made(made: NewModel, command: str) -> None:
    for fact in made.facts:
        print_line(fact)
    for path in made.files:
        print_line(f"wrote {path}")
    if made.next_step:
        print_line(f"next: {made.next_step}")
    print_line(f"then: {command} models add {made.directory}")
    if made.request:
        has_config = any(path.name == CONFIG_FILE for path in made.files)
        option = "--json-input" if has_config else "--body"
        print_line(f"then: {command} invoke {made.directory.name} {option} {made.request}")
