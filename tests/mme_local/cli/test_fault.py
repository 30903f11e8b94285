"""`mme local fault` against a runtime that has faults only."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from aiohttp import web

from mme_local import launcher
from mme_local import run_files as state
from mme_local.faults.board import FaultBoard
from mme_local.faults.middleware import fault_middleware
from mme_local.run_files import RunFile


class Models:
    def has_model(self, model: str) -> bool:
        return model == "a_v0.tar.gz"

    async def unload_idle(self, model: str) -> None:
        pass


async def nothing(_: web.Request) -> web.Response:
    raise web.HTTPNotFound


@pytest.fixture
def port(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a runtime that is this process."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    loop = asyncio.new_event_loop()
    application = web.Application(middlewares=[fault_middleware(FaultBoard(), Models())])
    application.router.add_route("*", "/{path:.*}", nothing)
    runner = web.AppRunner(application)

    async def serve() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    port = loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    process = psutil.Process()
    RunFile(port, os.getpid(), process.create_time(), "", ready=True).write()
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        state.forget(port)


def test_a_fault_is_set_listed_and_cleared(mme: Any, port: int) -> None:
    at = ["--port", str(port)]
    ran = mme("local", "fault", "set", "s3-slow", "--seconds", "2", "--model", "a_v0.tar.gz", *at)
    assert ran.status == 0
    assert ran.out == f"set s3-slow for a_v0.tar.gz; clear it: mme local fault clear --port {port}\n"
    assert mme("local", "fault", "set", "server-dies", *at).status == 0
    ran = mme("local", "fault", "list", *at)
    assert [line.split("\t") for line in ran.out.splitlines()] == [
        ["FAULT", "MODEL", "SECONDS", "TIMES", "MET"],
        ["s3-slow", "a_v0.tar.gz", "2", "", "0"],
        ["server-dies", "all", "", "1", "0"],
    ]
    assert mme("local", "fault", "clear", "server-dies", *at).out == "cleared 1 fault\n"
    assert mme("local", "fault", "clear", "--model", "b_v0.tar.gz", *at).out == "cleared 0 faults\n"
    assert mme("local", "fault", "clear", *at).out == "cleared 1 fault\n"
    assert mme("local", "fault", "list", *at).out == "no fault is set\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["set", "s3-broken"], "unknown fault 's3-broken'"),
        (["set", "s3-slow"], "s3-slow needs seconds"),
        (["set", "s3-slow", "--seconds", "-1"], "seconds -1.0 is not valid"),
        (["set", "s3-slow", "--seconds", "nan"], "seconds nan is not valid"),
        (["set", "disk-full", "--seconds", "1"], "disk-full takes no seconds"),
        (["set", "disk-full", "--times", "0"], "times 0 is not valid"),
        (["set", "disk-full", "--model", "b_v0.tar.gz"], "no endpoint here has a model b_v0.tar.gz"),
        (["set", "disk-full", "--model", ""], "model '' is not valid"),
        (["clear", "s3-broken"], "unknown fault 's3-broken'"),
    ],
)
def test_invalid_input_is_one_clear_error(mme: Any, port: int, arguments: list[str], message: str) -> None:
    ran = mme("local", "fault", *arguments, "--port", str(port))
    assert ran.status == 2
    assert ran.err.startswith(f"error: {message}")
    assert len(ran.err.splitlines()) == 2, "the error and its hint"
    assert mme("local", "fault", "list", "--port", str(port)).out == "no fault is set\n"


@pytest.mark.parametrize("arguments", [["set", "disk-full"], ["list"], ["clear"]])
def test_without_a_runtime_there_is_a_hint(
    mme: Any, arguments: list[str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    ran = mme("local", "fault", *arguments, "--port", "1")
    assert ran.status == 2
    assert ran.err == "error: no local endpoint runs on port 1\nstart one: mme local up --detach --port 1\n"


def test_the_environment_names_the_runtime(mme: Any, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://localhost:{port}")
    assert mme("local", "fault", "list").out == "no fault is set\n"
    assert "on port 1\n" in mme("local", "fault", "list", "--port", "1").err
    monkeypatch.setenv("MME_LOCAL_PORT", "2")
    assert "on port 2\n" in mme("local", "fault", "list").err
    monkeypatch.setenv("MME_LOCAL_PORT", "many")
    assert mme("local", "fault", "list").err.startswith("error: port 'many' is not valid")


@pytest.mark.parametrize("faults", [[], [{"kind": "load-507"}]])
def test_status_shows_that_faults_are_set(
    mme: Any, faults: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = RunFile(4747, os.getpid(), 0.0, "", ready=True)
    status = {"url": here.url, "pid": 1, "backends": [], "endpoints": [], "faults": faults}
    monkeypatch.setattr(state, "running", lambda: [here])
    monkeypatch.setattr(launcher, "ask_status", lambda _: status)
    shown = mme("local", "status").out
    assert ("faults are set: mme local fault list --port 4747\n" in shown) is bool(faults)
