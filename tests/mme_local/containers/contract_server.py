"""A small server that follows the multi-model contract, or breaks one rule of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

PAGE = 2


class ContractServer:
    """Echoes what a loaded model is sent.

    Args:
        broken: Name of the rule that it breaks; empty for none.
        others: Models that are loaded already.
    """

    def __init__(self, broken: str = "", others: int = 0) -> None:
        self.broken = broken
        self.models: dict[str, str] = {f"other{index}": "/nowhere" for index in range(others)}
        self.loads: list[dict[str, Any]] = []
        self.files: list[str] = []

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/ping", self.ping)
        application.router.add_get("/models", self.list)
        application.router.add_post("/models", self.load)
        application.router.add_get("/models/{name}", self.get)
        application.router.add_delete("/models/{name}", self.unload)
        application.router.add_post("/models/{name}/invoke", self.invoke)
        return application

    async def ping(self, _: web.Request) -> web.Response:
        return web.Response(status=503 if self.broken == "ping" else 200)

    async def list(self, request: web.Request) -> web.Response:
        if self.broken == "list":
            return web.json_response({"names": [*self.models]})
        rows: list[dict[str, str]] = [self.row(name) for name in self.models]
        if self.broken == "list-pages":
            rows.reverse()  # the model is on the first page
        if self.broken == "list-loaded":
            rows = []
        if self.broken == "list-empty-entry":
            rows = [{} for _ in rows]
        begin = 0 if self.broken == "list-pages" else int(request.query.get("next_page_token", 0))
        answer: dict[str, Any] = {"models": rows[begin : begin + PAGE]}
        if begin + PAGE < len(rows):
            answer["nextPageToken"] = str(begin + PAGE)
        return web.json_response(answer)

    async def load(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.loads.append(wanted)
        self.files = sorted(path.name for path in Path(wanted["url"]).iterdir())
        if self.broken == "load":
            return web.Response(status=500, text="no such format")
        if self.broken == "out-of-memory":
            return web.Response(status=500, text="CUDA out of memory")
        if self.broken == "short":
            return web.Response(status=507, text="full")
        if wanted["model_name"] in self.models and self.broken != "load-again":
            return web.Response(status=409)
        self.models[wanted["model_name"]] = wanted["url"]
        return web.Response()

    async def get(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.models:
            return self.missing("get", name)
        return web.json_response({} if self.broken == "get" else self.row(name))

    async def unload(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.models:
            return self.missing("unload", name)
        if self.broken == "unload":
            return web.Response(status=500)
        del self.models[name]
        return web.Response()

    async def invoke(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.models:
            return self.missing("invoke", name)
        if self.broken == "invoke":
            return web.Response(status=500)
        return web.Response(body=await request.read(), content_type=request.content_type)

    def missing(self, verb: str, name: str) -> web.Response:
        which = "unloaded" if any(one["model_name"] == name for one in self.loads) else "unknown"
        return web.Response(status=400 if self.broken == f"{verb}-{which}-model" else 404)

    def row(self, name: str) -> dict[str, str]:
        return {"modelName": name, "modelUrl": self.models[name]}


@contextmanager
def serving(server: ContractServer) -> Iterator[str]:
    """Yield the URL of a server that runs in a thread."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(server.application())

    async def serve() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    port = loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://localhost:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
