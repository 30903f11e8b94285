"""`mme invoke`: one call to one model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mme.cli.options import Model
from mme.errors import MmeError

if TYPE_CHECKING:
    from mme.archives.signature import TensorSignature
    from mme.cli.deployment import Target
    from mme.client.codec import EncodedRequest
    from mme.client.literals import NamedTensor

app = typer.Typer(name="invoke", help="Call a model and print its answer.")

_tensors = partial(typer.Option, rich_help_panel="Tensors, for Triton")
_bytes = partial(typer.Option, rich_help_panel="Bytes, for framework containers")
_queue = partial(typer.Option, rich_help_panel="Asynchronously")
# A bracket would be markup to rich.
_INPUT_HELP = (
    r'NAME=1,2,3,4, NAME=\[[1,2],\[3,4]], NAME=\["a, b","c"], NAME:INT64=1,2 or NAME=@FILE '
    r"(.npy, .csv with rows of numbers; for BYTES any file); "
    r"NAME=\[] is an empty tensor."
)
_JSON_INPUT_HELP = r'File (or -) with {"NAME": \[values]}, a KServe v2 request or saved outputs.'
_OUTPUT_HELP = "Save the answer: tensors as .npz, .npy or .json, bytes as they are."
_JSON_HELP = 'Print JSON for scripts; NaN and infinities as "NaN", "Infinity", "-Infinity".'
_ASYNC_HELP = (
    "Send it to the deployment's queue and don't wait. "
    "The limits stay those of real-time inference: 25 MB, and 60 s for the model."
)
_ID_HELP = "Identity of the request: the same id runs once. Default: a new one."


@app.command()
def invoke(
    context: typer.Context,
    model: Model,
    inputs: Annotated[
        list[str] | None,
        _tensors("--input", "-i", help=_INPUT_HELP, metavar="NAME=VALUES"),
    ] = None,
    json_input: Annotated[
        Path | None, _tensors("--json-input", help=_JSON_INPUT_HELP, metavar="FILE")
    ] = None,
    image: Annotated[
        Path | None, _tensors("--image", help="Picture, resized to the model's input.", metavar="FILE")
    ] = None,
    only: Annotated[
        list[str] | None, _tensors("--only", help="Request only this output; repeatable.", metavar="OUTPUT")
    ] = None,
    parameters: Annotated[
        list[str] | None, _tensors("--parameter", help="Parameter of the request.", metavar="NAME=VALUE")
    ] = None,
    body: Annotated[
        Path | None, _bytes("--body", help="Send this file (or -) as it is.", metavar="FILE")
    ] = None,
    content_type: Annotated[
        str | None,
        _bytes(
            "--content-type", help="Type of the body, if the file extension does not tell.", metavar="TYPE"
        ),
    ] = None,
    accept: Annotated[
        str | None, _bytes("--accept", help="Type of the answer to ask for.", metavar="TYPE")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help=_OUTPUT_HELP, metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON_HELP)] = False,
    asynchronous: Annotated[bool, _queue("--async", help=_ASYNC_HELP)] = False,
    inference_id: Annotated[str | None, _queue("--inference-id", help=_ID_HELP, metavar="ID")] = None,
) -> None:
    """Call a model and print its answer. Waits for a model that is still loading.

    Shapes and types come from the model's published configuration.

    Example: mme invoke add_sub_v0.tar.gz --input INPUT0=1,2,3,4 --input INPUT1=1,2,3,4

    Example: mme invoke churn_v2.tar.gz --body rows.csv --accept application/json

    Example: mme invoke churn_v2.tar.gz --body rows.csv --async
    """
    given = {
        "--input": inputs,
        "--json-input": json_input,
        "--image": image,
        "--only": only,
        "--parameter": parameters,
    }
    if body is not None:
        refuse(given, "--body sends bytes as they are; {} can't be given with it")
    else:
        refuse(
            {"--content-type": content_type, "--accept": accept}, "{} is for bytes", hint="add --body FILE"
        )
    if asynchronous:
        refuse(
            {"--output": output},
            "{} can't be given with --async, which returns before there is an answer",
            hint="save it later: mme async result ID --output FILE",
        )
    else:
        refuse({"--inference-id": inference_id}, "{} is for queued requests", hint="add --async")
    if output:
        from mme.client.files import check_directory, check_outputs_path

        (check_outputs_path if body is None else check_directory)(output)
    tensors = _TensorOptions(
        inputs=tuple(inputs or ()),
        json_input=json_input,
        image=image,
        only=tuple(only or ()),
        parameters=tuple(parameters or ()),
    )
    call = _Call.of(context, model, output, as_json)
    if body is not None:
        from mme.client.files import read_body

        content, sent_as = read_body(body, content_type)
    elif asynchronous:
        request = tensors.encode(call.signature)
        content, sent_as = request.body, request.content_type
    else:
        _infer(call, tensors)
        return
    if asynchronous:
        _submit(call, content, sent_as, accept, inference_id)
    else:
        _invoke_bytes(call, content, sent_as, accept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TensorOptions:
    """The options that describe the tensors of a request."""

    inputs: tuple[str, ...]
    json_input: Path | None
    image: Path | None
    only: tuple[str, ...]
    parameters: tuple[str, ...]

    def arguments(self, signature: TensorSignature | None) -> dict[str, Any]:
        """Return the request as keyword arguments of `MultiModelClient.infer`, without the model."""
        from mme.client.literals import parse_parameter

        tensors = self._read(signature)
        return {
            "inputs": {tensor.name: tensor.array for tensor in tensors},
            "outputs": self.only or None,
            "datatypes": {tensor.name: tensor.datatype for tensor in tensors if tensor.datatype},
            "parameters": dict(parse_parameter(text) for text in self.parameters),
        }

    def encode(self, signature: TensorSignature | None) -> EncodedRequest:
        """Return the request as bytes with their content type."""
        from mme.client.codec import encode_request

        return encode_request(**self.arguments(signature))

    def _read(self, signature: TensorSignature | None) -> list[NamedTensor]:
        from mme.client.errors import TensorError
        from mme.client.literals import describe, load_json_inputs, parse_input

        tensors = [parse_input(text, signature) for text in self.inputs]
        if self.json_input:
            tensors += load_json_inputs(self.json_input, signature)
        if self.image:
            from mme.client.pictures import load_picture

            tensors.append(load_picture(self.image, signature))
        if not (self.inputs or self.json_input or self.image):
            takes = f"it takes {describe(signature.inputs)}: " if signature and signature.inputs else ""
            raise TensorError(
                "no input is given", hint=f"{takes}use --input, --json-input, --image or --body"
            )
        names = [tensor.name for tensor in tensors]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise TensorError(f"input {twice} is given twice", hint="give each input once")
        return tensors


@dataclass(frozen=True)
class _Call:
    """What is called, and where the answer goes."""

    deployment: Target
    asked: str
    model: str
    output: Path | None
    as_json: bool

    @classmethod
    def of(cls, context: typer.Context, asked: str, output: Path | None, as_json: bool) -> _Call:
        """Resolve an alias, or a name to its newest version; refuse a wrong target before AWS is called."""
        from mme.cli.deployment import target_of
        from mme.client.targets import check_target

        deployment = target_of(context)
        return cls(deployment, asked, deployment.target_model(check_target(asked)), output, as_json)

    @cached_property
    def signature(self) -> TensorSignature | None:
        """What the model takes, or None if that is unknown."""
        try:
            record = self.deployment.store().describe(self.model)
        except MmeError:
            # A caller who may invoke a model need not be allowed to read the bucket.
            return None
        return record.signature if record else None

    @contextmanager
    def better_hints(self, signature: TensorSignature | None = None) -> Iterator[None]:
        """Add what the store knows to an error: similar names, or the tensors that the model takes."""
        from mme.client.errors import BadInputError, UnknownModelError
        from mme.client.literals import describe
        from mme.registry.targets import unknown_target

        try:
            yield
        except UnknownModelError as error:
            with suppress(MmeError):
                error.hint = unknown_target(self.deployment.store(), self.model).hint
            raise
        except BadInputError as error:
            if signature and signature.inputs:
                of_output = "the model has no output " in error.cause
                takes = (
                    f"it returns {describe(signature.outputs)}"
                    if of_output
                    else f"it takes {describe(signature.inputs)}"
                )
                known = error.hint is None or error.hint.startswith("list its inputs")
                error.hint = takes if known else f"{takes}; {error.hint}"
            raise


def _infer(call: _Call, tensors: _TensorOptions) -> None:
    from mme.cli.answers import answer_json, print_answer
    from mme.client.codec import check_outputs
    from mme.client.files import save_outputs
    from mme.console import print_json, print_note

    arguments = tensors.arguments(call.signature)
    client = call.deployment.client()
    began = time.perf_counter()
    with call.better_hints(call.signature):
        outputs = client.infer(call.model, **arguments)
    milliseconds = (time.perf_counter() - began) * 1000
    if call.signature and not tensors.only:
        check_outputs(outputs, (spec.name for spec in call.signature.outputs), call.model)
    if call.output:
        save_outputs(call.output, outputs)
    if call.as_json:
        print_json(answer_json(call.asked, call.model, client.endpoint_name, outputs, milliseconds))
        return
    print_answer(call.model, outputs, milliseconds, of_picture=tensors.image is not None)
    if call.output:
        print_note("saved", str(call.output))


def _invoke_bytes(call: _Call, content: bytes, sent_as: str, accept: str | None) -> None:
    from mme.cli.answers import print_reply, reply_json, save_bytes
    from mme.console import print_json

    client = call.deployment.client()
    began = time.perf_counter()
    with call.better_hints():
        reply = client.invoke(call.model, content, content_type=sent_as, accept=accept)
    milliseconds = (time.perf_counter() - began) * 1000
    if call.output:
        save_bytes(call.output, reply.body, reply.content_type)
    if call.as_json:
        print_json(reply_json(call.asked, call.model, client.endpoint_name, reply, milliseconds))
    elif not call.output:
        print_reply(call.model, reply, milliseconds)


def _submit(call: _Call, content: bytes, sent_as: str, accept: str | None, inference_id: str | None) -> None:
    from mme.cli.async_requests import show_submission

    sent = call.deployment.queue().submit(
        call.model, content, content_type=sent_as, accept=accept, inference_id=inference_id
    )
    show_submission(sent, command=call.deployment.command, as_json=call.as_json)


def refuse(given: Mapping[str, object], message: str, hint: str | None = None) -> None:
    """Refuse options that don't go with others.

    Args:
        given: Values by option; those that are empty were not given.
        message: Of the error; `{}` is replaced by the options that were given.
        hint: What to do about it. Default: leave them out.

    Raises:
        MmeError: One was given.
    """
    names = " and ".join(name for name, value in given.items() if value)
    if names:
        raise MmeError(message.format(names), hint=hint or f"leave out {names}")
