"""`mme invoke`: one call to one model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mme.errors import MmeError

if TYPE_CHECKING:
    from mme.archives.signature import TensorSignature
    from mme.cli.deployment import Target
    from mme.client import EncodedRequest
    from mme.client.literals import NamedTensor
    from mme.registry import ModelStore

app = typer.Typer(name="invoke", help="Call a model and show what it answers.")

_TENSORS = "Tensors, for Triton"
_BYTES = "Bytes, for framework containers"
_QUEUE = "Asynchronously"


@app.command(no_args_is_help=True)
def invoke(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(help="add_sub_v0.tar.gz, or an alias: add_sub@prod.", metavar="MODEL")
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            help="NAME=1,2,3,4, NAME=@file.npy or NAME:INT64=1,2.",
            metavar="NAME=VALUES",
            rich_help_panel=_TENSORS,
        ),
    ] = None,
    json_input: Annotated[
        Path | None,
        typer.Option(
            "--json-input",  # A bracket would be markup to rich.
            help=r'File (or -) with {"NAME": \[values]} or a KServe v2 request.',
            metavar="FILE",
            rich_help_panel=_TENSORS,
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            "--image",
            help="Picture, made to fit the model's input.",
            metavar="FILE",
            rich_help_panel=_TENSORS,
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="Ask for this output alone; may be given again.",
            metavar="OUTPUT",
            rich_help_panel=_TENSORS,
        ),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter", help="A parameter of the request.", metavar="NAME=VALUE", rich_help_panel=_TENSORS
        ),
    ] = None,
    body: Annotated[
        Path | None,
        typer.Option(
            "--body", help="Send this file (or -) as it is.", metavar="FILE", rich_help_panel=_BYTES
        ),
    ] = None,
    content_type: Annotated[
        str | None,
        typer.Option(
            "--content-type",
            help="What the body is, where FILE's ending does not tell.",
            metavar="TYPE",
            rich_help_panel=_BYTES,
        ),
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept", help="The wanted form of the answer.", metavar="TYPE", rich_help_panel=_BYTES
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Save the answer: tensors as .npz, .npy or .json, bytes as they are.",
            metavar="FILE",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help='Print JSON for scripts; numbers it lacks are "NaN", "Infinity", "-Infinity".',
        ),
    ] = False,
    asynchronous: Annotated[
        bool,
        typer.Option(
            "--async",
            help="Send it to the deployment's queue and don't wait. "
            "The limits stay those of real-time inference: 25 MB, and 60 s for the model.",
            rich_help_panel=_QUEUE,
        ),
    ] = False,
    inference_id: Annotated[
        str | None,
        typer.Option(
            "--inference-id",
            help="The request's identity: the same twice is run once. [a new one]",
            metavar="ID",
            rich_help_panel=_QUEUE,
        ),
    ] = None,
) -> None:
    """Call a model and show what it answers. A model that is still loading is waited for.

    Shapes and types come from the model's published configuration.

    Example: mme invoke add_sub_v0.tar.gz --input INPUT0=1,2,3,4 --input INPUT1=1,2,3,4

    Example: mme invoke churn_v2.tar.gz --body rows.csv --accept application/json

    Example: mme invoke churn_v2.tar.gz --body rows.csv --async
    """
    from mme.cli.deployment import target_of

    tensors = {
        "--input": inputs,
        "--json-input": json_input,
        "--image": image,
        "--only": only,
        "--parameter": parameters,
    }
    if body is not None:
        _refuse(tensors, "--body sends bytes as they are, so {} can't be given with it")
    else:
        bytes_only = {"--content-type": content_type, "--accept": accept}
        _refuse(bytes_only, "{} is for bytes", hint="give them: --body FILE")
    if asynchronous:
        _refuse(
            {"--output": output},
            "{} can't be given with --async, which has no answer yet",
            hint="get it later: mme async result ID --output FILE",
        )
        _submit(
            target_of(context),
            model,
            _encoded(target_of(context), model, inputs or [], json_input, image, only, parameters or [])
            if body is None
            else (body, content_type),
            accept,
            inference_id,
            as_json,
        )
        return
    _refuse({"--inference-id": inference_id}, "{} is for queued requests", hint="queue it: --async")
    if body is not None:
        _call_with_bytes(target_of(context), model, body, content_type, accept, output, as_json)
        return
    _call_with_tensors(
        target_of(context), model, inputs or [], json_input, image, only, parameters or [], output, as_json
    )


def _call_with_tensors(
    target: Target,
    model: str,
    inputs: list[str],
    json_input: Path | None,
    image: Path | None,
    only: list[str] | None,
    parameters: list[str],
    output: Path | None,
    as_json: bool,
) -> None:
    from mme.cli.answers import answer_json, print_answer
    from mme.client.files import check_outputs_path, save_outputs
    from mme.client.literals import parse_parameter
    from mme.console import print_json, print_note

    if output:
        check_outputs_path(output)
    own = dict(parse_parameter(text) for text in parameters)
    meant = _resolved(target, model)
    store = target.store()
    signature = _signature(store, meant)
    tensors = _tensors(inputs, json_input, image, signature)
    client = target.client()
    began = time.perf_counter()
    with _better_hints(store, meant, signature):
        outputs = client.infer(
            meant,
            {tensor.name: tensor.array for tensor in tensors},
            outputs=only or None,
            datatypes={tensor.name: tensor.datatype for tensor in tensors if tensor.datatype},
            parameters=own,
        )
    milliseconds = (time.perf_counter() - began) * 1000
    if output:
        save_outputs(output, outputs)
    if as_json:
        print_json(answer_json(model, meant, client.endpoint_name, outputs, milliseconds))
        return
    print_answer(meant, outputs, milliseconds, of_picture=image is not None)
    if output:
        print_note("saved", str(output))


def _call_with_bytes(
    target: Target,
    model: str,
    body: Path,
    content_type: str | None,
    accept: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    from mme.cli.answers import print_reply, reply_json
    from mme.client.files import check_directory, content_type_of, read_bytes
    from mme.console import print_json, print_note

    if output:
        check_directory(output)
    sent_as = content_type or content_type_of(body)
    content = read_bytes(body)
    meant = _resolved(target, model)
    client = target.client()
    began = time.perf_counter()
    with _better_hints(target.store(), meant, None):
        reply = client.invoke(meant, content, content_type=sent_as, accept=accept)
    milliseconds = (time.perf_counter() - began) * 1000
    if output:
        try:
            output.write_bytes(reply.body)
        except OSError as error:
            raise MmeError(f"{output} can't be written: {(error.strerror or '').lower()}") from error
    if as_json:
        print_json(reply_json(model, meant, client.endpoint_name, reply, milliseconds))
    elif output:
        print_note("saved", f"{output}: {len(reply.body)} bytes of {reply.content_type or 'no type'}")
    else:
        print_reply(meant, reply, milliseconds)


def _submit(
    target: Target,
    model: str,
    content: EncodedRequest | tuple[Path, str | None],
    accept: str | None,
    inference_id: str | None,
    as_json: bool,
) -> None:
    from mme.cli.async_requests import show_submission
    from mme.client.files import content_type_of, read_bytes

    if isinstance(content, tuple):
        path, given = content
        sent_as, body = given or content_type_of(path), read_bytes(path)
    else:
        sent_as, body = content.content_type, content.body
    sent = target.queue().submit(
        _resolved(target, model), body, content_type=sent_as, accept=accept, inference_id=inference_id
    )
    show_submission(sent, command=target.command, as_json=as_json)


def _encoded(
    target: Target,
    model: str,
    inputs: list[str],
    json_input: Path | None,
    image: Path | None,
    only: list[str] | None,
    parameters: list[str],
) -> EncodedRequest:
    from mme.client import encode_request
    from mme.client.literals import parse_parameter

    tensors = _tensors(inputs, json_input, image, _signature(target.store(), _resolved(target, model)))
    return encode_request(
        {tensor.name: tensor.array for tensor in tensors},
        outputs=only or None,
        datatypes={tensor.name: tensor.datatype for tensor in tensors if tensor.datatype},
        parameters=dict(parse_parameter(text) for text in parameters),
    )


def _resolved(target: Target, model: str) -> str:
    """The TargetModel, before anything else is asked of AWS where it is no alias."""
    from mme.client.targets import resolved
    from mme.registry.aliases import is_alias

    return resolved(model, target.aliases() if is_alias(model) else None)


def _refuse(given: Mapping[str, object], words: str, hint: str | None = None) -> None:
    names = [name for name, value in given.items() if value]
    if names:
        raise MmeError(words.format(" and ".join(names)), hint=hint)


@contextmanager
def _better_hints(store: ModelStore, model: str, signature: TensorSignature | None) -> Iterator[None]:
    """Says what the store knows: names like the one that is not there, or the tensors that a model takes."""
    from mme.client import BadInputError, UnknownModelError
    from mme.client.literals import describe
    from mme.registry.targets import unknown_target

    try:
        yield
    except UnknownModelError as error:
        # Who may invoke a model need not be allowed to look into the bucket.
        with suppress(MmeError):
            error.hint = unknown_target(store, model).hint
        raise
    except BadInputError as error:
        if signature and signature.inputs:
            takes = f"it takes {describe(signature.inputs)}"
            known = error.hint is None or error.hint.startswith("see what it takes")
            error.hint = takes if known else f"{takes}; {error.hint}"
        raise


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
        raise TensorError("no input is given", hint=f"{takes}use --input, --json-input, --image or --body")
    names = [tensor.name for tensor in tensors]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise TensorError(f"input {twice} is given twice")
    return tensors
