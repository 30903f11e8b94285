"""`mme invoke`: one call to one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mme.errors import MmeError

if TYPE_CHECKING:
    from mme.archives.signature import TensorSignature
    from mme.client import MultiModelClient
    from mme.client.datatypes import Array
    from mme.client.literals import NamedTensor
    from mme.registry import ModelStore

app = typer.Typer(name="invoke", help="Call a model and show what it answers.")


@app.command(no_args_is_help=True)
def invoke(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(help="The TargetModel: add_sub_v0.tar.gz, tenant-a/x_v1.tar.gz.", metavar="MODEL")
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", "-i", help="NAME=1,2,3,4, NAME=@file.npy or NAME:INT64=1,2.", metavar="NAME=VALUES"
        ),
    ] = None,
    json_input: Annotated[
        Path | None,
        typer.Option(
            "--json-input",  # A bracket would be markup to rich.
            help=r'File with {"NAME": \[values]} or a KServe v2 request.',
            metavar="FILE",
        ),
    ] = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="Picture, made to fit the model's input.", metavar="FILE")
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help='Print JSON for scripts; numbers it lacks are "NaN", "Infinity", "-Infinity".',
        ),
    ] = False,
) -> None:
    """Call a model and show what it answers. A model that is still loading is waited for.

    Shapes and types come from the model's published configuration.

    Example: mme invoke add_sub_v0.tar.gz --input INPUT0=1,2,3,4 --input INPUT1=1,2,3,4
    """
    import time

    from mme.cli.answers import answer_json, print_answer
    from mme.cli.console import print_json
    from mme.cli.deployment import target_of
    from mme.client.targets import check_target

    check_target(model)
    target = target_of(context)
    tensors = _tensors(inputs or [], json_input, image, _signature(target.store(), model))
    client: MultiModelClient = target.client()
    arrays: dict[str, Array] = {tensor.name: tensor.array for tensor in tensors}
    datatypes = {tensor.name: tensor.datatype for tensor in tensors if tensor.datatype}
    began = time.perf_counter()
    outputs = client.infer(model, arrays, datatypes=datatypes)
    milliseconds = (time.perf_counter() - began) * 1000
    if as_json:
        print_json(answer_json(model, client.endpoint_name, outputs, milliseconds))
    else:
        print_answer(model, outputs, milliseconds, of_picture=image is not None)


def _signature(store: ModelStore, model: str) -> TensorSignature | None:
    """What the model takes, or None where that is not known."""
    try:
        record = store.describe(model)
    except MmeError:
        # Who may invoke a model need not be allowed to look into the bucket.
        return None
    return record.signature if record else None


def _tensors(
    inputs: list[str], json_input: Path | None, image: Path | None, signature: TensorSignature | None
) -> list[NamedTensor]:
    from mme.client import TensorError
    from mme.client.literals import describe, load_json_inputs, parse_input

    tensors = [parse_input(text, signature) for text in inputs]
    if json_input:
        tensors += load_json_inputs(json_input, signature)
    if image:
        from mme.client.pictures import load_picture

        tensors.append(load_picture(image, signature))
    if not tensors:
        takes = f"it takes {describe(signature.inputs)}: " if signature and signature.inputs else ""
        raise TensorError("no input is given", hint=f"{takes}use --input, --json-input or --image")
    names = [tensor.name for tensor in tensors]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise TensorError(f"input {twice} is given twice")
    return tensors
