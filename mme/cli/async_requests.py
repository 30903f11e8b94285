"""`mme async`: follow requests that were sent to the queue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mme.cli.options import Json
from mme.console import (
    age_text,
    fields,
    plain_table,
    print_json,
    print_line,
    print_note,
    print_table,
    waiting,
)
from mme.errors import MmeError

if TYPE_CHECKING:
    from mme.client.asynchronous import AsyncResult, DeadLetter, Submission

app = typer.Typer(
    name="async",
    help="Follow asynchronous requests: status, results, dead letters. "
    "Send them with mme invoke --async. Their limits are those of real-time inference: 25 MB, and 60 s.",
    no_args_is_help=True,
)

_SHOWN_MESSAGES: Final = 100
_MESSAGE_FIELDS: Final = "inference_id target_model reason sent body"


@app.command()
def status(
    context: typer.Context,
    inference_id: Annotated[
        str | None,
        typer.Argument(help="Inference id. Default: the queue and its dead letters.", metavar="[ID]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the state of a request, or the queue's depth and its dead letters with their reason.

    Example: mme async status 1f4c6b1e-0c8f-4b7e-9d55-6f3f2b8f7a10
    """
    from mme.cli.deployment import target_of

    target = target_of(context)
    if inference_id is not None:
        found = target.queue().status(inference_id)
        if as_json:
            print_json({"state": found.state.value} | fields(found, "inference_id reason location settled"))
        else:
            table = plain_table("ID", "STATE", "WHERE", "REASON")
            table.add_row(found.inference_id, found.state.value, found.location, found.reason)
            print_table(table)
        return
    depths = target.queue().depths()
    messages = target.dead_letters().peek(_SHOWN_MESSAGES)
    if as_json:
        print_json({**depths, "dead_letters": [fields(one, _MESSAGE_FIELDS) for one in messages]})
        return
    counted = ", ".join(f"{count} {name}" for name, count in depths.items())
    print_note("queue", f"{counted} (approximate, as SQS counts)")
    if messages:
        _print_messages(messages)


@app.command()
def result(
    context: typer.Context,
    inference_id: Annotated[str, typer.Argument(help="Inference id.", metavar="ID")],
    wait: Annotated[
        float, typer.Option("--wait", help="Seconds to wait for the answer.", min=0, metavar="SECONDS")
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Save the answer unchanged.", metavar="FILE"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the answer to a request. If the request failed, the command fails with its reason.

    Example: mme async result 1f4c6b1e-0c8f-4b7e-9d55-6f3f2b8f7a10 --wait 600
    """
    from mme.cli.answers import save_bytes
    from mme.cli.deployment import target_of
    from mme.client.files import check_directory

    if output:
        check_directory(output)
    queue = target_of(context).queue()
    doing = f"waiting for {inference_id}, at most {wait:g} s" if wait else f"looking for {inference_id}"
    with waiting(doing):
        found = queue.result(inference_id, wait_seconds=wait)
    if output:
        save_bytes(output, found.body, found.content_type)
    if as_json:
        print_json(_result_json(found))
    elif not output:
        _print_result(found)


@app.command()
def redrive(
    context: typer.Context,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", help="Only this inference id; repeatable.", metavar="ID"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Send dead letters to the queue again, with all their attempts, after you fixed the cause.

    Messages that are not valid requests return to the dead-letter queue with a reason: delete them there.

    Example: mme async redrive --id 1f4c6b1e-0c8f-4b7e-9d55-6f3f2b8f7a10
    """
    from mme.cli.deployment import target_of

    wanted = frozenset(ids or ())
    sent = []
    for letter in target_of(context).dead_letters().redrive(wanted):
        sent.append(letter)
        if not as_json:
            print_note("sent again", letter.inference_id or "a message without inference id")
    absent = sorted(wanted - {letter.inference_id for letter in sent})
    if as_json:
        print_json([fields(one, _MESSAGE_FIELDS) for one in sent])
    elif not sent and not absent:
        print_note("nothing", "there are no dead letters")
    if absent:
        raise MmeError(
            f"no dead letter has inference id {', '.join(absent)}",
            hint="list them: mme async status",
        )


def show_submission(sent: Submission, *, command: str, as_json: bool) -> None:
    """Print a submission: as `InvokeEndpointAsync` answers for scripts, with the next command for people.

    Args:
        sent: The submission.
        command: `mme` with the flags of this command, for the next command.
        as_json: Print JSON.
    """
    if as_json:
        names = "InputLocation=input_location OutputLocation=output_location FailureLocation=failure_location"
        print_json(fields(sent, f"InferenceId=inference_id {names}"))
        return
    print_line(sent.inference_id)
    print_note("queued", f"print the answer: {command} async result {sent.inference_id} --wait 600")


def _print_result(found: AsyncResult) -> None:
    from mme.cli.answers import print_answer, print_reply
    from mme.client.codec import decode_reply
    from mme.client.multi_model_client import Reply

    if "sagemaker-triton" in found.content_type:
        print_answer(found.inference_id, decode_reply(found.body, found.content_type), None)
    else:
        print_reply(
            found.inference_id, Reply(found.body, found.content_type, "", found.custom_attributes), None
        )


def _result_json(found: AsyncResult) -> dict[str, Any]:
    import base64

    from mme.client.codec import decode_reply
    from mme.client.files import outputs_json

    facts = fields(found, "inference_id content_type location")
    if "sagemaker-triton" in found.content_type:
        return facts | {"outputs": outputs_json(decode_reply(found.body, found.content_type))}
    try:
        return facts | {"body": found.body.decode()}
    except UnicodeDecodeError:
        return facts | {"body_base64": base64.b64encode(found.body).decode()}


def _print_messages(messages: list[DeadLetter]) -> None:
    table = plain_table("ID", "MODEL", "AGE", "REASON")
    for one in messages:
        table.add_row(one.inference_id or "-", one.target_model or "-", age_text(one.sent), one.reason)
    print_table(table)
