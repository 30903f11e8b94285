"""`mme local fault`: what goes wrong on AWS, made to happen in a local runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mme.console import plain_table, print_json, print_table

if TYPE_CHECKING:
    from mme_local.faults.remote import RuntimeFaults

app = typer.Typer(
    name="fault",
    help="Make S3, Triton, memory or disk fail here, to see what your code does then.",
    no_args_is_help=True,
)

_Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        help="Port of the runtime; by default MME_LOCAL_PORT's, else AWS_ENDPOINT_URL's on this machine, "
        "else 4747.",
        show_default=False,
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
_Model = Annotated[
    str | None,
    typer.Option("--model", help="Only for this TargetModel; by default for all.", show_default=False),
]


def _kinds(incomplete: str) -> list[tuple[str, str]]:
    from mme_local.faults.fault import FaultKind

    return [(kind.value, kind.says) for kind in FaultKind if kind.startswith(incomplete)]


@app.command("set")
def set_fault(
    fault: Annotated[
        str,
        typer.Argument(
            help="s3-slow, s3-failing, load-507, stub-unhealthy, triton-dies, disk-full or not-ready.",
            metavar="FAULT",
            autocompletion=_kinds,
        ),
    ],
    model: _Model = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            help="How much slower (s3-slow), or how long from the first call on (not-ready).",
            show_default=False,
        ),
    ] = None,
    times: Annotated[
        int | None,
        typer.Option("--times", help="Over after so often; by default when cleared.", show_default=False),
    ] = None,
    port: _Port = None,
    as_json: _Json = False,
) -> None:
    """Have a fault from now on, until it is cleared or has happened --times.

    s3-slow: each request to S3, downloads included, takes --seconds longer
    s3-failing: S3 answers 503 SlowDown, and no model can be downloaded
    load-507: loads are short of memory
    stub-unhealthy: the model's python process is dead, each call an error
    triton-dies: Triton is killed under the next request
    disk-full: nothing can be unpacked
    not-ready: ModelNotReadyException for --seconds, or --times calls

    With --model, a model that is in memory leaves first where the fault is
    met on the way in, so that the next call meets it.

    Example: mme local fault set load-507 --model add_sub_v0.tar.gz --times 2
    """
    from mme_local.faults.fault import Fault

    wanted = Fault.checked(fault, model, seconds, times)  # a fault of the words goes before one of the port
    wanted = _faults(port).set(wanted.kind, wanted.model, seconds=wanted.seconds, times=wanted.times)
    if as_json:
        print_json(wanted.as_json())
    else:
        typer.echo(f"set {wanted.words}; mend it: mme local fault clear{_at(port)}")


@app.command("list")
def list_faults(port: _Port = None, as_json: _Json = False) -> None:
    """List what is set, and how often it was met.

    Example: mme local fault list --json
    """
    found = _faults(port).all()
    if as_json:
        print_json({"faults": found})
        return
    if not found:
        typer.echo("no fault is set")
        return
    table = plain_table("FAULT", "MODEL", "SECONDS", "TIMES", "MET", right=("SECONDS", "TIMES", "MET"))
    for fault in found:
        seconds, times = fault["seconds"], fault["times"]
        table.add_row(
            fault["kind"],
            fault["model"] or "all",
            "" if seconds is None else f"{seconds:g}",
            "" if times is None else str(times),
            str(fault["met"]),
        )
    print_table(table)


@app.command("clear")
def clear_faults(
    fault: Annotated[
        str | None,
        typer.Argument(help="Only this fault.", metavar="[FAULT]", autocompletion=_kinds, show_default=False),
    ] = None,
    model: _Model = None,
    port: _Port = None,
    as_json: _Json = False,
) -> None:
    """Mend everything, or one kind of fault, or what was set for one model.

    Example: mme local fault clear s3-failing
    """
    from mme_local.faults.fault import kind_of

    gone = _faults(port).clear(kind_of(fault) if fault is not None else None, model)
    if as_json:
        print_json({"cleared": gone})
    else:
        typer.echo(f"cleared {len(gone)} {'fault' if len(gone) == 1 else 'faults'}")


def _faults(port: int | None) -> RuntimeFaults:
    from mme_local import launcher
    from mme_local.choices import chosen_port
    from mme_local.faults.remote import RuntimeFaults

    return RuntimeFaults(launcher.find(chosen_port(port)).url)


def _at(port: int | None) -> str:
    return "" if port is None else f" --port {port}"
