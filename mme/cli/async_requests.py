"""`mme async`: what becomes of requests that were sent to the queue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mme.errors import MmeError

if TYPE_CHECKING:
    from mme.client.asynchronous import AsyncResult, AsyncStatus, DeadLetter, Submission

app = typer.Typer(
    name="async",
    help="Follow asynchronous requests: status, results, dead letters. "
    "Send them with mme invoke --async. Their limits are those of real-time inference: 25 MB, and 60 s.",
    no_args_is_help=True,
)

_SHOWN_LETTERS: Final = 100


@app.command()
def status(
    context: typer.Context,
    inference_id: Annotated[
        str | None, typer.Argument(help="Of one request. [the queue and its dead letters]", metavar="[ID]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Show how far a request is, or how many wait and which are dead letters, and why.

    Example: mme async status 1f4c6b1e-0c8f-4b7e-9d55-6f3f2b8f7a10
    """
    from mme.cli.deployment import target_of
    from mme.console import plain_table, print_json, print_note, print_table

    target = target_of(context)
    if inference_id is not None:
        found = target.queue().status(inference_id)
        if as_json:
            print_json(_status_json(found))
        else:
            table = plain_table("ID", "STATE", "WHERE", "REASON")
            table.add_row(found.inference_id, found.state.value, found.location, _plain(found.reason))
            print_table(table)
        return
    depths = target.queue().depths()
    letters = target.dead_letters().peek(_SHOWN_LETTERS)
    if as_json:
        print_json({**depths, "dead_letters": [_letter_json(letter) for letter in letters]})
        return
    counted = ", ".join(f"{count} {name}" for name, count in depths.items())
    print_note("queue", f"{counted} (roughly: SQS counts so)")
    if letters:
        _print_letters(letters)


@app.command(no_args_is_help=True)
def result(
    context: typer.Context,
    inference_id: Annotated[str, typer.Argument(help="Of the request.", metavar="ID")],
    wait: Annotated[
        float, typer.Option("--wait", help="Seconds to wait for it.", min=0, metavar="SECONDS")
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Save the answer as it is.", metavar="FILE"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Show the answer to a request. A request that failed ends the command with its reason.

    Example: mme async result 1f4c6b1e-0c8f-4b7e-9d55-6f3f2b8f7a10 --wait 600
    """
    from mme.cli.deployment import target_of
    from mme.client.files import check_directory
    from mme.console import print_json, print_note, standard_error

    if output:
        check_directory(output)
    queue = target_of(context).queue()
    # In a pipe rich shows nothing of this.
    name = _plain(inference_id)
    doing = f"waiting for {name}, {wait:g} s at most" if wait else f"looking for {name}"
    with standard_error().status(doing):
        found = queue.result(inference_id, wait_seconds=wait)
    if output:
        try:
            output.write_bytes(found.body)
        except OSError as error:
            raise MmeError(f"{output} can't be written: {(error.strerror or '').lower()}") from error
        print_note("saved", f"{output}: {len(found.body)} bytes of {found.content_type or 'no type'}")
    if as_json:
        print_json(_result_json(found))
    elif not output:
        _print_result(found)


@app.command()
def redrive(
    context: typer.Context,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", help="Only the request of this inference id; may be given again.", metavar="ID"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Send dead letters anew, each with all its attempts, once the cause is mended.

    Letters that are no requests come back with their reason: delete those in the queue itself.

    Example: mme async redrive --id 1f4c6b1e-0c8f-4b7e-9d55-6f3f2b8f7a10
    """
    from mme.cli.deployment import target_of
    from mme.console import print_json, print_note

    wanted = frozenset(ids or ())
    sent = []
    for letter in target_of(context).dead_letters().redrive(wanted):
        sent.append(letter)
        if not as_json:
            print_note("sent anew", letter.inference_id or "a message without inference id")
    absent = sorted(wanted - {letter.inference_id for letter in sent})
    if as_json:
        print_json([_letter_json(letter) for letter in sent])
    elif not sent and not absent:
        print_note("nothing", "there are no dead letters")
    if absent:
        raise MmeError(
            f"no dead letter has inference id {', '.join(absent)}",
            hint="see which there are: mme async status",
        )


def show_submission(sent: Submission, *, command: str, as_json: bool) -> None:
    """Print what was sent: to scripts as `InvokeEndpointAsync` answers, to people with the next command.

    Args:
        sent: the request.
        command: how the next command begins: `mme` and its flags.
        as_json: for scripts.
    """
    from mme.console import print_json, print_note, standard_output

    if as_json:
        print_json(
            {
                "InferenceId": sent.inference_id,
                "InputLocation": sent.input_location,
                "OutputLocation": sent.output_location,
                "FailureLocation": sent.failure_location,
            }
        )
        return
    standard_output().print(sent.inference_id, markup=False)
    print_note("queued", f"see the answer: {command} async result {sent.inference_id} --wait 600")


def _print_result(found: AsyncResult) -> None:
    from mme.cli.answers import print_answer, print_reply
    from mme.client import Reply, decode_reply

    if "sagemaker-triton" in found.content_type:
        print_answer(found.inference_id, decode_reply(found.body, found.content_type), None)
    else:
        print_reply(
            found.inference_id, Reply(found.body, found.content_type, "", found.custom_attributes), None
        )


def _result_json(found: AsyncResult) -> dict[str, Any]:
    import base64

    from mme.client import decode_reply
    from mme.client.files import outputs_json

    facts: dict[str, Any] = {
        "inference_id": found.inference_id,
        "content_type": found.content_type,
        "location": found.location,
    }
    if "sagemaker-triton" in found.content_type:
        return facts | {"outputs": outputs_json(decode_reply(found.body, found.content_type))}
    try:
        return facts | {"body": found.body.decode()}
    except UnicodeDecodeError:
        return facts | {"body_base64": base64.b64encode(found.body).decode()}


def _print_letters(letters: list[DeadLetter]) -> None:
    from mme.console import age_text, plain_table, print_table

    table = plain_table("ID", "MODEL", "AGE", "REASON")
    for letter in letters:
        table.add_row(
            _plain(letter.inference_id) or "-",
            _plain(letter.target_model) or "-",
            age_text(letter.sent),
            _plain(letter.reason),
        )
    print_table(table)


def _letter_json(letter: DeadLetter) -> dict[str, Any]:
    return {
        "inference_id": letter.inference_id,
        "target_model": letter.target_model,
        "reason": letter.reason,
        "sent": letter.sent,
        "body": letter.body,
    }


def _status_json(found: AsyncStatus) -> dict[str, Any]:
    return {
        "inference_id": found.inference_id,
        "state": found.state.value,
        "reason": found.reason,
        "location": found.location,
        "settled": found.settled,
    }


def _plain(text: str) -> str:
    # A bracket would be markup to rich.
    return text.replace("[", r"\[")
