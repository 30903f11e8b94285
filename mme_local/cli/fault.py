"""`mme local fault`: reproduce failures of AWS in a local endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mme.console import count_text, plain_table, print_json, print_line, print_table
from mme_local.cli.options import JsonOption, PortOption

if TYPE_CHECKING:
    from mme_local.faults.remote import RuntimeFaults

app = typer.Typer(
    name="fault",
    help="Make S3, the server, memory or disk fail, to see how your code handles it.",
    no_args_is_help=True,
)
_Model = Annotated[
    str | None, typer.Option("--model", help="Only for this TargetModel. Default: all.", show_default=False)
]


def _kinds(incomplete: str) -> list[str]:
    from mme_local.faults.fault import FaultType

    return [kind.value for kind in FaultType if kind.startswith(incomplete)]


@app.command("set")
def set_fault(
    fault: Annotated[
        str,
        typer.Argument(
            help="s3-slow, s3-failing, load-507, worker-dead, server-dies, disk-full or not-ready.",
            metavar="FAULT",
            autocompletion=_kinds,
        ),
    ],
    model: _Model = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            help="Delay (s3-slow), or duration from the first call (not-ready).",
            show_default=False,
        ),
    ] = None,
    times: Annotated[
        int | None,
        typer.Option("--times", help="Clear it once it was met so often.", show_default=False),
    ] = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set a fault until it is cleared or was met --times.

    s3-slow: each request to S3, downloads included, takes --seconds longer
    s3-failing: S3 answers 503 SlowDown, and no model can be downloaded
    load-507: the container answers 507 (short of memory) to each load
    worker-dead: the model's Python process is dead, each call fails
    server-dies: the model server is killed during the next request
    disk-full: no archive can be unpacked
    not-ready: ModelNotReadyException for --seconds, or --times calls

    With --model and a fault that only loads meet, an idle model is evicted
    first, so that the next call meets it.

    Example: mme local fault set load-507 --model add_sub_v0.tar.gz --times 2
    """
    from mme_local.faults.fault import InjectedFault

    InjectedFault.checked(
        {"kind": fault, "model": model, "seconds": seconds, "times": times}
    )  # before the local endpoint is looked up
    done = _faults(port).set(fault, model, seconds=seconds, times=times)
    if as_json:
        print_json(done.as_json())
    else:
        at = "" if port is None else f" --port {port}"
        print_line(f"set {done.kind} for {done.model or 'all models'}; clear it: mme local fault clear{at}")


@app.command("list")
def list_faults(port: PortOption = None, as_json: JsonOption = False) -> None:
    """List the faults and how often each was met.

    Example: mme local fault list --json
    """
    faults = _faults(port).all()
    if as_json:
        print_json({"faults": faults})
        return
    if not faults:
        print_line("no fault is set")
        return
    table = plain_table("FAULT", "MODEL", "SECONDS", "TIMES", "MET", right=("SECONDS", "TIMES", "MET"))
    for fault in faults:
        seconds = "" if fault["seconds"] is None else f"{fault['seconds']:g}"
        times = "" if fault["times"] is None else str(fault["times"])
        table.add_row(fault["kind"], fault["model"] or "all", seconds, times, str(fault["met"]))
    print_table(table)


@app.command("clear")
def clear_faults(
    fault: Annotated[
        str | None,
        typer.Argument(help="Only this fault.", metavar="[FAULT]", autocompletion=_kinds, show_default=False),
    ] = None,
    model: _Model = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Clear all faults, one kind of fault, or the faults of one model.

    Example: mme local fault clear s3-failing
    """
    cleared = _faults(port).clear(fault, model)
    if as_json:
        print_json({"cleared": cleared})
    else:
        print_line(f"cleared {count_text(len(cleared), 'faults')}")


def _faults(port: int | None) -> RuntimeFaults:
    from mme_local import launcher
    from mme_local.faults.remote import RuntimeFaults
    from mme_local.settings import chosen_port

    return RuntimeFaults(launcher.find(chosen_port(port)).url)
