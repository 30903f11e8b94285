"""A Docker daemon on a Unix socket, whose containers are small servers with the multi-model contract.

It implements what aiodocker needs of the Engine API. It runs in its own thread, as the runtime under test may
be in this process or in another.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/mme:1"


@dataclass
class FakeImage:
    """How the containers of an image behave."""

    ends_at_once: int | None = None
    answers_ping: bool = True
    output: tuple[bytes, ...] = (b"hello from", b" the image\n")
    labels: dict[str, str] | None = None


@dataclass
class FakeContainer:
    """One container: the request that made it, the models in it, its server."""

    name: str
    specification: dict[str, Any]
    image: FakeImage
    loaded: dict[str, str] = field(default_factory=dict)
    port: int | None = None
    status: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    runner: web.AppRunner | None = None

    async def start(self) -> None:
        if self.image.ends_at_once is not None:
            self.status = self.image.ends_at_once
            self.ended.set()
            return
        application = web.Application()
        application.router.add_get("/ping", self._ping)
        application.router.add_post("/models", self._load)
        application.router.add_delete("/models/{handle}", self._unload)
        application.router.add_post("/models/{handle}/invoke", self._invoke)
        self.runner = web.AppRunner(application, shutdown_timeout=0.01)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(self.runner.addresses[0][1])

    async def end(self, status: int) -> None:
        if self.runner is not None:
            await self.runner.cleanup()
        self.port = None
        self.status = status if self.status is None else self.status
        self.ended.set()

    async def _ping(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.image.answers_ping else 503)

    async def _load(self, request: web.Request) -> web.Response:
        asked = await request.json()
        (bind,) = self.specification["HostConfig"]["Binds"]
        here, inside, _ = bind.split(":")
        folder = Path(asked["url"].replace(inside, here, 1))
        if not folder.is_dir():
            return web.json_response({"error": f"no folder {asked['url']}"}, status=400)
        self.loaded[asked["model_name"]] = sorted(path.name for path in folder.iterdir())[0]
        return web.Response()

    async def _unload(self, request: web.Request) -> web.Response:
        gone = self.loaded.pop(request.match_info["handle"], None)
        return web.Response(status=200 if gone else 404)

    async def _invoke(self, request: web.Request) -> web.Response:
        first = self.loaded.get(request.match_info["handle"])
        if first is None:
            return web.Response(status=404)
        target = request.headers["X-Amzn-SageMaker-Target-Model"]
        return web.Response(text=f"{target} with {first}: {await request.text()}")


class FakeDaemon:
    """The daemon; tests set and read its attributes."""

    def __init__(self) -> None:
        self.images: dict[str, FakeImage] = {IMAGE: FakeImage()}
        self.containers: dict[str, FakeContainer] = {}
        self.runtimes: dict[str, Any] = {"runc": {}}
        self.made = 0
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None

    def kill(self, id: str, status: int = 137) -> None:
        """End a container as `docker kill` does."""
        self.wait_for(self.containers[id].end(status))

    def wait_for(self, coroutine: Any) -> Any:
        """Run something on the daemon's own loop, from another thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def close(self) -> None:
        """Stop: close the socket and all connections."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            self.wait_for(runner.cleanup())

    @contextmanager
    def serving(self, socket: Path) -> Iterator[FakeDaemon]:
        """Serve on the socket while the block runs."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        try:
            self.wait_for(self._serve(socket))
            yield self
        finally:
            self.close()
            for container in self.containers.values():
                self.wait_for(container.end(0))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    async def _serve(self, socket: Path) -> None:
        application = web.Application()
        application.router.add_get("/version", self._version)
        version = application.router
        version.add_get("/v1.45/version", self._version)
        version.add_get("/v1.45/info", self._info)
        version.add_get("/v1.45/images/{image:.+}/json", self._image)
        version.add_post("/v1.45/containers/create", self._create)
        version.add_get("/v1.45/containers/json", self._list)
        version.add_get("/v1.45/containers/{id}/json", self._inspect)
        version.add_post("/v1.45/containers/{id}/start", self._start)
        version.add_post("/v1.45/containers/{id}/wait", self._wait)
        version.add_get("/v1.45/containers/{id}/logs", self._logs)
        version.add_delete("/v1.45/containers/{id}", self._remove)
        self._runner = web.AppRunner(application, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(socket)).start()

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"ApiVersion": "1.45"})

    async def _info(self, _: web.Request) -> web.Response:
        return web.json_response({"Runtimes": self.runtimes})

    async def _image(self, request: web.Request) -> web.Response:
        image = request.match_info["image"]
        if image not in self.images:
            return _missing(f"No such image: {image}")
        return web.json_response({"Id": image, "Config": {"Labels": self.images[image].labels}})

    async def _create(self, request: web.Request) -> web.Response:
        specification = await request.json()
        self.made += 1
        id = f"c{self.made}"
        self.containers[id] = FakeContainer(
            request.query["name"], specification, self.images[specification["Image"]]
        )
        return web.json_response({"Id": id, "Warnings": []}, status=201)

    async def _list(self, request: web.Request) -> web.Response:
        (label,) = json.loads(request.query["filters"])["label"]
        labels = {id: one.specification.get("Labels", {}) for id, one in self.containers.items()}
        return web.json_response([{"Id": id, "Labels": all} for id, all in labels.items() if label in all])

    async def _inspect(self, request: web.Request) -> web.Response:
        found = self.containers[request.match_info["id"]]
        ports = {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(found.port)}]} if found.port else {}
        return web.json_response(
            {"Id": request.match_info["id"], "Config": {"Tty": False}, "NetworkSettings": {"Ports": ports}}
        )

    async def _start(self, request: web.Request) -> web.Response:
        await self.containers[request.match_info["id"]].start()
        return web.Response(status=204)

    async def _wait(self, request: web.Request) -> web.Response:
        found = self.containers[request.match_info["id"]]
        await found.ended.wait()
        return web.json_response({"StatusCode": found.status})

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        found = self.containers[request.match_info["id"]]
        stream = web.StreamResponse()
        await stream.prepare(request)
        for number, output in enumerate(found.image.output):
            frame = bytes([1 + number % 2, 0, 0, 0]) + len(output).to_bytes(4, "big") + output
            # In pieces that are not frames, as from a network.
            await stream.write(frame[:3])
            await stream.write(frame[3:])
        await found.ended.wait()
        return stream

    async def _remove(self, request: web.Request) -> web.Response:
        found = self.containers.pop(request.match_info["id"], None)
        if found is None:
            return _missing("No such container")
        await found.end(137)
        return web.Response(status=204)


def _missing(message: str) -> web.Response:
    return web.json_response({"message": message}, status=404)
