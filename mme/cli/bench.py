"""`mme bench`: an open-loop load test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mme.cli.options import Json
from mme.cli.traffic import Assume, Daily, LogSince, Rate, TraceFile, TrafficOptions, Zipf
from mme.errors import MmeError

if TYPE_CHECKING:
    from mme.cli.deployment import Target
    from mme.plan.load_test.comparison import Compared
    from mme.plan.load_test.measurement import Measurement
    from mme.plan.models.assumptions import Assumptions
    from mme.plan.models.model_fleet import ModelFleet
    from mme.registry.model_store import ModelRecord

app = typer.Typer(name="bench")

_FAILED: Final = 1
_MOST_REQUESTS: Final = 1_000_000


@app.command()
def bench(
    context: typer.Context,
    trace: TraceFile = None,
    since: LogSince = None,
    rate: Rate = None,
    zipf: Zipf = 1.0,
    daily: Daily = None,
    duration: Annotated[
        float, typer.Option("--duration", "-d", help="Seconds of traffic to send.", min=0.1, max=86400)
    ] = 60.0,
    speed: Annotated[
        float, typer.Option("--speed", help="Send the requests of a trace so many times faster.", min=0.001)
    ] = 1.0,
    connections: Annotated[
        int, typer.Option("--connections", "-c", help="Concurrent requests at most.", min=1, max=1000)
    ] = 64,
    body: Annotated[
        Path | None,
        typer.Option("--body", metavar="FILE", help="Request of all models. Default: zeros, as declared."),
    ] = None,
    content_type: Annotated[
        str, typer.Option("--content-type", help="Content type of --body.")
    ] = "application/json",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Result file, for mme plan --calibrate."),
    ] = None,
    assume: Assume = None,
    as_json: Json = False,
) -> None:
    """Send traffic at its own rate and measure latency, cold and warm apart.

    Requests leave at their times, whatever the answers take; Ctrl-C keeps what was measured. It calls the
    real endpoint: on AWS, its instances cost what they cost. Exit status 1 if a request failed.

    Example: mme bench --rate 20 --zipf 0.9 --duration 120 --output result.json
    """
    from mme.cli.deployment import target_of
    from mme.cli.progress import counted_bars
    from mme.console import waiting
    from mme.plan.capacity.instance_choice import given_assumptions
    from mme.plan.load_test.bench_requests import example_payloads, sender
    from mme.plan.load_test.load_test import LoadTest

    options = TrafficOptions(trace, since, rate, zipf, daily, None)
    options.check()
    if output is not None and not output.absolute().parent.is_dir():
        raise MmeError(f"{output.parent} is not a folder", hint="create it, or set another --output")
    assumptions = given_assumptions(assume or [])
    given = (body.read_bytes(), content_type) if body else None
    target = target_of(context)
    store = target.store()
    with waiting(f"reading the models under {store.url}"):
        records = store.records()
    fleet, schedule = _schedule(options, target, records, assumptions, duration, speed)
    client = _client(target, connections)
    with counted_bars() as progress:
        task = progress.add_task("sending", total=len(schedule))
        test = LoadTest(
            schedule,
            sender(client, example_payloads(records), given),
            connections=connections,
            progress=lambda done: progress.update(task, completed=done),
        )
        measured = test.run()
    if output is not None:
        measured.write(output)
    compared, setup = _predicted(target, fleet, measured)
    _report(measured, compared, setup, as_json=as_json)
    if measured.error_counts:
        raise typer.Exit(_FAILED)


def _client(target: Target, connections: int) -> Any:
    from mme.aws.runtime import runtime_client
    from mme.client.multi_model_client import MultiModelClient

    runtime = runtime_client(
        target.clients.session, connections=connections, endpoint_url=target.settings.aws_url
    )
    return MultiModelClient(target.deployment.endpoint_name, runtime)


def _schedule(
    options: TrafficOptions,
    target: Target,
    records: list[ModelRecord],
    assumptions: Assumptions,
    duration: float,
    speed: float,
) -> tuple[ModelFleet, Any]:
    """Return the models and the requests to send."""
    from mme.cli.traffic import fleet_for
    from mme.plan.models.model_fleet import sizes_of_records
    from mme.plan.traffic.mix import Mix

    sizes = sizes_of_records(records)
    requests, name = options.requests(target)
    fleet = fleet_for(requests, sizes, assumptions, source=target.deployment.bucket, traffic=name)
    if isinstance(requests, Mix):
        expected = requests.rate * duration * 1.5 + 100
        if expected > _MOST_REQUESTS:
            raise MmeError(
                f"{requests.rate:g} requests/s for {duration:g} s are too many for one load generator",
                hint="shorten --duration or lower --rate",
            )
        schedule = requests.sample(fleet.names, int(expected)).before(duration)
    else:
        if fleet.guessed:
            missing = next(one for one in requests.names if one not in {size.model for size in sizes})
            raise MmeError(
                f"{name} calls {missing}, which is not published; it can't be called",
                hint="remove its requests from the trace, or publish it: mme models add",
            )
        schedule = requests.faster(speed).before(duration)
    return fleet, schedule


def _predicted(target: Target, fleet: ModelFleet, measured: Measurement) -> tuple[list[Compared] | None, str]:
    """Return the comparison with a replay on the instances that are deployed, and what those are."""
    from mme.catalog.instances import instance_type
    from mme.plan.capacity.deployed import deployed_instances
    from mme.plan.load_test.comparison import compare
    from mme.plan.prediction.caching import Room
    from mme.plan.prediction.replay import replay

    deployed = deployed_instances(target.clients.sagemaker, target.deployment.endpoint_name)
    if deployed is None:
        return None, "the endpoint can't be described"
    kind, count = instance_type(deployed[0]), deployed[1]
    if kind is None:
        return None, f"{deployed[0]} is not in the catalog"
    assumed = fleet.assumptions
    room = Room(assumed.memory_bytes(kind), assumed.disk_bytes(kind))
    if int(fleet.weights.max()) > room.memory:
        return None, f"a model is larger than the assumed memory of {kind.name}; set --assume memory_gb"
    done = replay(measured.trace, fleet, instances=count, room=room, workers=assumed.worker_count(kind))
    return compare(measured, done), f"{count} x {kind.name}"


def _report(measured: Measurement, compared: list[Compared] | None, setup: str, *, as_json: bool) -> None:
    from mme.cli.bench_report import print_bench, print_bench_json

    if as_json:
        print_bench_json(measured, compared, setup)
    else:
        print_bench(measured, compared, setup)
