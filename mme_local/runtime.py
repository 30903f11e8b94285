"""A local endpoint from start to stop: bind the port, serve, and delete all its files."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import logging
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from mme.errors import MmeError
from mme_local import run_files
from mme_local.aws import application
from mme_local.aws.control_plane import DeployedContainer
from mme_local.aws.functions import deployed as deployed_functions
from mme_local.containers.container import ServingContainer
from mme_local.containers.factory import open_containers
from mme_local.endpoint.data_plane import DataPlane
from mme_local.faults.board import FaultBoard
from mme_local.faults.injection import FaultyContainer, faulty_fetch
from mme_local.faults.middleware import fault_middleware
from mme_local.functions.poller import Poller
from mme_local.logs import rotate
from mme_local.observe.page.server import StatusPage
from mme_local.observe.watch import Watch, log_path
from mme_local.run_files import RunFile
from mme_local.server.access.gatekeeper import Gatekeeper
from mme_local.server.gateway import build_gateway
from mme_local.server.http_server import BACKLOG, serve
from mme_local.server.invoke_endpoint import InvokeEndpoint
from mme_local.settings import LocalSettings

log = logging.getLogger(__name__)

_CONTROL_PLANE_THREADS = 8
_RECONCILE_SECONDS = 0.5
_PORT_SECONDS = 1.0
_PORT_POLL_SECONDS = 0.05
_TMPDIR_HINT = "set TMPDIR to a folder of your own, with 100 MB of space, in which programs can run"


async def run(
    settings: LocalSettings,
    ready: Callable[[RunFile], None],
    listener: socket.socket | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP, then stop everything that was started.

    Args:
        settings: the local endpoint's settings.
        ready: called once, when the address answers.
        listener: a socket bound to the port of the settings; by default one is opened.

    Raises:
        MmeError: The port is in use, or Triton can't run here.
    """
    os.umask(0o077)  # for every file and child, and for Triton's shared memory
    run_files.running()  # removes the files of killed local endpoints
    with listener or listening_socket(settings.port) as bound:
        port = int(bound.getsockname()[1])
        with _temporary_folder():
            run_files.check_parent(Path(tempfile.gettempdir()), _TMPDIR_HINT)
            workdir = tempfile.mkdtemp(prefix=f"{run_files.WORKDIR_PREFIX}{port}-")
        here = run_files.own_run_file(port, Path(workdir))
        try:
            here.write()
            await _serve(settings, bound, here, ready)
        finally:
            here.remove()


@contextlib.contextmanager
def _temporary_folder() -> Iterator[None]:
    """Report that the temporary folder is missing, full, or does not let programs run."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise MmeError(f"the temporary folder can't be used: {reason}", hint=_TMPDIR_HINT) from None


async def _serve(
    settings: LocalSettings,
    listener: socket.socket,
    here: RunFile,
    ready: Callable[[RunFile], None],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            loop.add_signal_handler(number, stop.set)
    workdir = Path(here.workdir)
    with _temporary_folder():
        containers = await open_containers(settings, workdir / "triton")

    logs = workdir / run_files.LOGS

    def new_container(name: str, deployed: DeployedContainer, folder: Path) -> ServingContainer:
        path = log_path(logs, name)
        made = containers.make(deployed, folder, path)
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(f"mme local: {deployed.image} is served by {made.title}\n")
        return FaultyContainer(made, faults)

    faults = FaultBoard()
    watch = Watch(logs, settings.metrics_seconds)
    data_plane = DataPlane(
        new_container,
        workdir / "instances",
        settings,
        watch,
        around_fetch=functools.partial(faulty_fetch, faults),
    )
    functions = Poller(here.url, workdir / "functions", deployed_functions)

    def describe() -> dict[str, object]:
        return {
            "url": here.url,
            "pid": here.pid,
            "workdir": here.workdir,
            "logs": str(logs),
            "containers": containers.kind,
            "backends": list(containers.backends),
            "endpoints": data_plane.describe(),
            "failures": data_plane.describe_failures(),
            "functions": functions.describe(),
            "faults": faults.describe(),
            "assumptions": {
                "memory_mib": settings.memory_mib,
                "weight_factor": settings.weight_factor,
                "floor_mib": settings.floor_mib,
                "eviction": settings.eviction.value,
                "placement": settings.placement.value,
                "spill_at": settings.spill_at,
            },
        }

    page = StatusPage(describe, lambda: watch.history, lambda: watch.cpu)
    with ThreadPoolExecutor(_CONTROL_PLANE_THREADS, thread_name_prefix="aws") as executor:
        invoke_endpoint = InvokeEndpoint(
            data_plane, Gatekeeper(enforce=settings.enforce_iam), payload_bytes=settings.payload_bytes
        )
        gateway = build_gateway(
            invoke_endpoint,
            application(),
            executor,
            describe,
            pages=page.routes(),
            hosts=[name.strip().lower() for name in settings.allowed_hosts.split(",")],
            other_users=settings.other_users,
        )
        gateway.middlewares.append(fault_middleware(faults, data_plane))
        try:
            async with serve(gateway, listener):
                tasks = [
                    asyncio.create_task(_reconcile(data_plane, logs)),
                    asyncio.create_task(watch.run(data_plane.describe)),
                ]
                functions.start()
                try:
                    replace(here, ready=True).write()
                    ready(here)
                    await stop.wait()
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    await page.close()
                    await asyncio.to_thread(functions.stop)
                    await data_plane.stop()
        finally:
            await containers.close()


async def _reconcile(data_plane: DataPlane, logs: Path) -> None:
    while True:
        try:
            data_plane.reconcile()
            rotate(logs)
        except Exception:
            log.exception("the data plane can't follow the control plane")
        await asyncio.sleep(_RECONCILE_SECONDS)


def listening_socket(port: int) -> socket.socket:
    """Return a socket on 127.0.0.1; wait a moment if the port of a killed local endpoint is not free yet.

    Raises:
        MmeError: The port is in use, or can't be bound, or the name localhost does not lead to it.
    """
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo("localhost", None, socket.AF_INET)}
    except OSError:
        found = set()
    if "127.0.0.1" not in found:
        raise MmeError(
            f"the name localhost resolves to {', '.join(found) or 'nothing'}; AWS clients need 127.0.0.1",
            hint="add the line `127.0.0.1 localhost` to /etc/hosts",
        )
    deadline = time.monotonic() + _PORT_SECONDS
    while True:
        try:
            return _listen(port)
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            other = run_files.read_run_file(port)
            if in_use and not (other and other.alive()) and time.monotonic() < deadline:
                time.sleep(_PORT_POLL_SECONDS)
                continue
            if in_use and other and other.alive():
                raise MmeError(
                    f"port {port} is in use by a local endpoint (process {other.pid})",
                    hint=f"use that one, stop it with `mme local down --port {port}`, "
                    "or choose another port with --port",
                ) from None
            if in_use:
                raise MmeError(
                    f"port {port} is in use by another program",
                    hint="choose another port: mme local up --port N",
                ) from None
            raise MmeError(
                f"port {port} can't be bound: {(error.strerror or str(error)).lower()}",
                hint="choose a port from 1024 on: mme local up --port N",
            ) from None


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
