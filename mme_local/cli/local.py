"""``mme local``: the endpoint on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mme.console import (
    plain_table,
    print_json,
    print_note,
    print_table,
    size_text,
    standard_error,
    standard_output,
)
from mme.errors import MmeError
from mme_local.cli.fault import app as fault_app

if TYPE_CHECKING:
    from rich.table import Table

    from mme_local.run_files import RuntimeState

app = typer.Typer(
    name="local",
    help="Run the same endpoint on this machine: embedded AWS and NVIDIA's real Triton.",
    no_args_is_help=True,
)

app.add_typer(fault_app)

_Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        help="Port of the runtime; by default MME_LOCAL_PORT's, else AWS_ENDPOINT_URL's on this machine, "
        "else 4747.",
        show_default=False,
    ),
]


@app.command()
def up(
    port: Annotated[
        int | None,
        typer.Option(
            "--port", help="Localhost port; 0 takes a free one. By default 4747.", show_default=False
        ),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background.")] = False,
    memory_mib: Annotated[
        float | None, typer.Option("--memory-mib", help="Memory of each instance for models, in MiB.")
    ] = None,
    weight_factor: Annotated[
        float | None,
        typer.Option("--weight-factor", help="A model weighs its unpacked bytes times this (an assumption)."),
    ] = None,
    containers: Annotated[
        str | None,
        typer.Option(
            "--containers",
            help="wheel: real Triton from its wheel, whatever image is deployed. docker: the deployed image. "
            "auto: docker where a daemon answers. By default wheel.",
            show_default=False,
            metavar="KIND",
        ),
    ] = None,
    enforce_iam: Annotated[
        bool, typer.Option("--enforce-iam", help="Check callers that were created in the embedded IAM.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Start embedded AWS and Triton on one localhost port.

    Example: mme local up --detach && export AWS_ENDPOINT_URL=http://localhost:4747
    """
    from mme_local.choices import chosen_settings

    settings = chosen_settings(
        port=port,
        memory_mib=memory_mib,
        weight_factor=weight_factor,
        containers=containers,
        enforce_iam=enforce_iam or None,
    )
    if detach:
        from mme_local.launcher import start_detached

        with standard_error().status("starting the local runtime"):
            here = start_detached(settings)
        _announce(here, as_json)
        return
    import logging

    from mme_local.runtime import run
    from mme_local.server.http_server import run_event_loop

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    run_event_loop(run(settings, lambda here: _announce(here, as_json, foreground=True)))
    if not as_json:
        typer.echo("stopped; nothing is left behind", err=True)


@app.command()
def down(
    port: _Port = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Stop a runtime and delete everything that was deployed and published there.

    Example: mme local down --port 4747
    """
    from mme_local.choices import chosen_port
    from mme_local.launcher import stop

    chosen = chosen_port(port)
    with standard_error().status("stopping the local runtime"):
        here = stop(chosen)
    facts = {"port": here.port, "stopped": True}
    _print(facts, as_json, f"stopped the runtime on port {here.port}")


@app.command()
def status(
    port: _Port = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Show what runs here: endpoints, instances, models in memory.

    All runtimes, or the one that --port, MME_LOCAL_PORT or an AWS_ENDPOINT_URL
    on this machine names.

    Example: mme local status --json
    """
    from mme_local.choices import named_port
    from mme_local.launcher import ask_status
    from mme_local.run_files import running

    port = named_port() if port is None else port
    every = running()
    known = [here for here in every if port in (None, here.port)]
    others = [here for here in every if here not in known]
    found, faults = [], []
    for here in known:
        if here.ready:
            try:
                found.append(ask_status(here) | {"port": here.port, "page": here.page})
            except MmeError as error:
                faults.append(error)
    if as_json:
        print_json({"runtimes": found})
    elif found:
        faults += _print_runtimes(found)
    elif not faults:
        _print_none(known, port)
    if others and not as_json:
        ports = ", ".join(f"--port {here.port}" for here in others)
        print_note("note:", f"others run here too: {ports}")
    # One that does not answer hides no other.
    if faults:
        raise faults[0]


def _print_none(starting: list[RuntimeState], port: int | None) -> None:
    if starting:
        ports = ", ".join(str(here.port) for here in starting)
        typer.echo(f"a local runtime is starting on port {ports}; ask again in a second")
    else:
        where = f" on port {port}" if port is not None else ""
        at = f" --port {port}" if port is not None else ""
        typer.echo(f"no local runtime runs{where}; start one: mme local up --detach{at}")


def _print_runtimes(found: list[dict[str, Any]]) -> list[MmeError]:
    """Prints each; one of another version, whose status has another form, comes back as an error."""
    console = standard_output()
    faults = []
    for runtime in found:
        try:
            parts = list(_parts(runtime))
        except (KeyError, TypeError) as error:
            faults.append(
                MmeError(
                    f"the runtime on port {runtime['port']} was started by another version of mme: "
                    f"its status can't be read ({type(error).__name__}: {error})",
                    hint=f"stop it and start one of this version: mme local down --port {runtime['port']}",
                )
            )
            continue
        for part in parts:
            if isinstance(part, str):
                console.print(part, soft_wrap=True)
            else:
                print_table(part)
    return faults


def _parts(runtime: dict[str, Any]) -> Iterator[str | Table]:
    backends = ", ".join(runtime["backends"])
    serves = "images under Docker" if runtime.get("containers") == "docker" else f"backends {backends}"
    yield f"[bold]{runtime['url']}[/] process {runtime['pid']}, {serves}"
    yield f"status page: {runtime['page']}"
    if not runtime["endpoints"]:
        yield (
            "no endpoint is deployed; deploy one: "
            "cdk bootstrap -c env=local && cdk deploy -c env=local 'local/*'"
        )
    for endpoint in runtime["endpoints"]:
        yield from _parts_of_endpoint(endpoint)
    if runtime.get("faults"):
        yield f"[yellow]faults are set[/]: mme local fault list --port {runtime['port']}"


def _parts_of_endpoint(endpoint: dict[str, Any]) -> Iterator[str | Table]:
    from rich.markup import escape

    count = endpoint["requests"]
    requests = f"{count:,} {'request' if count == 1 else 'requests'}"
    yield f"endpoint [bold]{escape(endpoint['name'])}[/] {endpoint['instance_type']}, {requests}"
    table = plain_table("INSTANCE", "MODEL", "STATE", "WEIGHS", "HITS", right=("WEIGHS", "HITS"))
    for index, instance in enumerate(endpoint["instances"]):
        memory = f"{size_text(instance['memory_used_bytes'])} of {size_text(instance['memory_bytes'])} memory"
        disk = f"{size_text(instance['disk_used_bytes'])} of {size_text(instance['disk_bytes'])} disk"
        models = len(instance["models"])
        loaded = f"{models:,} {'model' if models == 1 else 'models'}"
        yield f"instance {index}: {loaded}, {memory}, {disk} in use"
        for model in instance["models"]:
            table.add_row(
                str(index),
                escape(model["name"]),
                model["state"],
                size_text(model["weight_bytes"]),
                f"{model['hits']:,}",
            )
    if table.row_count:
        yield table


def _announce(here: RuntimeState, as_json: bool, *, foreground: bool = False) -> None:
    stop = "Ctrl-C stops it" if foreground else f"stop it: mme local down --port {here.port}"
    _print(
        {"url": here.url, "port": here.port, "pid": here.pid, "page": here.page},
        as_json,
        f"embedded AWS and Triton at {here.url} ({stop}); point any AWS client at it:\n"
        f"  export AWS_ENDPOINT_URL={here.url} AWS_DEFAULT_REGION=us-east-1\n"
        "  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n"
        f"see what it does: {here.page}",
    )


def _print(facts: dict[str, Any], as_json: bool, text: str) -> None:
    if as_json:
        print_json(facts)
    else:
        typer.echo(text)
