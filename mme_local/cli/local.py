"""Run the same endpoint on this machine: embedded AWS and real model servers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mme.console import (
    age_text,
    count_text,
    ended_by_signals,
    log_to_terminal,
    plain_table,
    print_json,
    print_line,
    print_note,
    print_table,
    size_text,
    waiting,
)
from mme.errors import MmeError
from mme_local.cli.fault import app as fault_app
from mme_local.cli.options import JsonOption, PortOption

if TYPE_CHECKING:
    from mme_local.run_files import RunFile

_NONE_RUNS: Final = 3
"""Exit status of `status`, as of `systemctl status`."""

app = typer.Typer(
    name="local",
    help=__doc__,
    no_args_is_help=True,
)
app.add_typer(fault_app)


@app.command()
def up(
    port: Annotated[
        int | None,
        typer.Option("--port", help="Localhost port; 0 takes a free one. Default: 4747.", show_default=False),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background.")] = False,
    memory_mib: Annotated[
        float | None, typer.Option("--memory-mib", help="Memory of each instance for models, in MiB.")
    ] = None,
    weight_factor: Annotated[
        float | None,
        typer.Option("--weight-factor", help="A model's weight is its unpacked bytes times this."),
    ] = None,
    containers: Annotated[
        str | None,
        typer.Option(
            "--containers",
            help="wheel: servers from PyPI that are like the deployed image. docker: the deployed image. "
            "auto: docker if a daemon answers. Default: wheel.",
            show_default=False,
            metavar="KIND",
        ),
    ] = None,
    enforce_iam: Annotated[
        bool, typer.Option("--enforce-iam", help="Check callers that were created in embedded IAM.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start embedded AWS and Triton on one localhost port.

    Example: mme local up --detach && export AWS_ENDPOINT_URL=http://localhost:4747
    """
    from mme_local.settings import chosen_settings

    settings = chosen_settings(
        port=port,
        memory_mib=memory_mib,
        weight_factor=weight_factor,
        containers=containers,
        enforce_iam=enforce_iam or None,
    )
    if detach:
        from mme_local.launcher import start_detached

        with ended_by_signals(), waiting("starting the local endpoint"):
            here = start_detached(settings)
        _announce(here, as_json, f"stop it: mme local down --port {here.port}")
        return
    import logging

    from mme_local.runtime import run
    from mme_local.server.http_server import run_event_loop

    log_to_terminal(logging.WARNING)
    run_event_loop(run(settings, lambda here: _announce(here, as_json, "Ctrl-C stops it")))
    if not as_json:
        print_note("stopped;", "nothing is left behind")


@app.command()
def down(port: PortOption = None, as_json: JsonOption = False) -> None:
    """Stop a local endpoint and delete everything that was deployed and published there.

    Example: mme local down --port 4747
    """
    from mme_local.launcher import stop
    from mme_local.settings import chosen_port

    with waiting("stopping the local endpoint"):
        here = stop(chosen_port(port))
    if as_json:
        print_json({"port": here.port, "stopped": True})
    else:
        print_line(f"stopped the local endpoint on port {here.port}")


@app.command()
def status(port: PortOption = None, as_json: JsonOption = False) -> None:
    """Show endpoints, instances and models in memory.

    Of the local endpoint that --port, MME_LOCAL_PORT or an AWS_ENDPOINT_URL on
    this machine names; of all of them if none does. Exit status 3: none runs.

    Example: mme local status --json
    """
    from mme_local.launcher import ask_status
    from mme_local.run_files import running
    from mme_local.settings import named_port

    port = named_port() if port is None else port
    everywhere = running()
    here = [one for one in everywhere if port in (None, one.port)]
    found, errors = [], []
    for one in here:
        if one.ready:
            try:
                found.append(ask_status(one) | {"port": one.port, "page": one.page})
            except MmeError as error:
                errors.append(error)
    if as_json:
        print_json({"runtimes": found})
    for described in [] if as_json else found:
        try:
            _print_runtime(described)
        except (KeyError, TypeError) as error:
            errors.append(
                MmeError(
                    f"the status of the local endpoint on port {described['port']} can't be read; "
                    f"another version of mme started it ({type(error).__name__}: {error})",
                    hint=f"restart it: mme local down --port {described['port']}",
                )
            )
    if not as_json:
        if not found and not errors:
            _print_none(here, port)
        if others := [f"--port {one.port}" for one in everywhere if one not in here]:
            print_note("note:", f"other local endpoints: {', '.join(others)}")
    if errors:  # the others were printed
        raise errors[0]
    if not here:
        raise typer.Exit(_NONE_RUNS)


def _print_none(starting: list[RunFile], port: int | None) -> None:
    if starting:
        ports = ", ".join(str(here.port) for here in starting)
        print_line(f"a local endpoint is starting on port {ports}; ask again in a second")
    else:
        on, flag = ("", "") if port is None else (f" on port {port}", f" --port {port}")
        print_line(f"no local endpoint runs{on}; start one: mme local up --detach{flag}")


def _print_runtime(runtime: dict[str, Any]) -> None:
    docker = runtime.get("containers") == "docker"
    serves = "images under Docker" if docker else f"backends {', '.join(runtime['backends'])}"
    lines: list[Any] = [
        f"{runtime['url']} process {runtime['pid']}, {serves}",
        f"status page: {runtime['page']}",
    ]
    failures = runtime.get("failures", [])
    if not runtime["endpoints"] and not failures:
        deploy = "cdk bootstrap -c env=local && cdk deploy -c env=local 'local/*'"
        lines.append(f"no endpoint is deployed; deploy one: {deploy}")
    for endpoint in runtime["endpoints"]:
        lines += _endpoint_lines(endpoint)
    lines += [f"endpoint {failure['name']}: {failure['error']}" for failure in failures]
    if runtime.get("faults"):
        lines.append(f"faults are set: mme local fault list --port {runtime['port']}")
    for line in lines:
        if isinstance(line, str):
            print_line(line)
        else:
            print_table(line)


def _endpoint_lines(endpoint: dict[str, Any]) -> list[Any]:
    requests = count_text(endpoint["requests"], "requests")
    lines: list[Any] = [f"endpoint {endpoint['name']} {endpoint['instance_type']}, {requests}"]
    containers = [one for instance in endpoint["instances"] for one in instance.get("containers", [instance])]
    served = {
        (one.get("hostname", ""), one.get("image", endpoint["image"]), one["server"]) for one in containers
    }
    for hostname, image, server in sorted(served):
        lines.append(f"{f'container {hostname}: ' if hostname else ''}image {image}, served by {server}")
    table = plain_table("INSTANCE", "MODEL", "STATE", "WEIGHT", "HITS", right=("WEIGHT", "HITS"))
    for index, instance in enumerate(endpoint["instances"]):
        memory = f"{size_text(instance['memory_used_bytes'])} of {size_text(instance['memory_bytes'])} memory"
        disk = f"{size_text(instance['disk_used_bytes'])} of {size_text(instance['disk_bytes'])} disk"
        models = count_text(len(instance["models"]), "models")
        lines.append(f"instance {index}: {models}, {memory}, {disk} in use")
        if restart := instance.get("last_restart"):
            ago = age_text(datetime.fromtimestamp(restart["at"], UTC))
            times = count_text(instance["restarts"], "restarts")
            why = f"{restart['reason']} (exit status {restart['exit_status']})"
            lines.append(f"  {times}, the last {ago} ago: {why}")
        for model in instance["models"]:
            weight, hits = size_text(model["weight_bytes"]), f"{model['hits']:,}"
            table.add_row(str(index), model["name"], model["state"], weight, hits)
    return [*lines, table] if table.row_count else lines


def _announce(here: RunFile, as_json: bool, stop: str) -> None:
    if as_json:
        print_json({"url": here.url, "port": here.port, "pid": here.pid, "page": here.page})
        return
    for line in (
        f"embedded AWS and Triton at {here.url} ({stop}); point any AWS client at it:",
        f"  export AWS_ENDPOINT_URL={here.url} AWS_DEFAULT_REGION=us-east-1",
        "  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local",
        f"status page: {here.page}",
    ):
        print_line(line)
