"""Status page and dashboards over HTTP, and as server-sent events for as long as somebody looks."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from mme_local.observe.dashboards.cloud import CloudFacts, read_facts
from mme_local.observe.dashboards.document import DEFAULT_RANGE, RANGES, render_dashboard
from mme_local.observe.history import History
from mme_local.observe.page.document import render_main, render_page

PAGE_PATH: Final = "/_mme/"
"""An underscore begins no API's path and no bucket's name."""
_DASHBOARD_PATH: Final = "/_mme/dashboards/{region}/{name}/"
_DASHBOARD_PACE: Final = 5
"""A dashboard is looked at so many times less often: its metrics come by the minute."""
_BREATH_SECONDS: Final = 15.0
_VIEWERS: Final = 20


class StatusPage:
    """Serves the page.

    Args:
        status: what the runtime tells of itself.
        history: of requests.
        cpu: percent of a processor by the instance's id, as last measured.
        cloud: alarms and dashboards.
        seconds: between two looks whether something has changed.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        status: Callable[[], Mapping[str, Any]],
        history: Callable[[], History],
        cpu: Callable[[], Mapping[str, float]],
        cloud: Callable[[], CloudFacts] = read_facts,
        *,
        seconds: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._status = status
        self._history = history
        self._cpu = cpu
        self._cloud = cloud
        self._seconds = seconds
        self._now = now
        self._viewers: dict[asyncio.Task[Any], web.Request] = {}
        self._drawn = (float("-inf"), "")

    def routes(self) -> list[web.RouteDef]:
        """What it answers, to be asked before anything else."""
        return [
            web.get(PAGE_PATH.rstrip("/"), self._redirect),
            web.get(PAGE_PATH, self._page),
            web.get(f"{PAGE_PATH}events", self._events),
            web.get(_DASHBOARD_PATH, self._dashboard),
            web.get(f"{_DASHBOARD_PATH}events", self._dashboard_events),
        ]

    async def close(self) -> None:
        """Let all viewers go."""
        viewers = list(self._viewers)
        for viewer in viewers:
            viewer.cancel()
        await asyncio.gather(*viewers, return_exceptions=True)

    async def _redirect(self, _: web.Request) -> web.StreamResponse:
        raise web.HTTPMovedPermanently(PAGE_PATH)

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return self._answer(await self._main())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        return await self._live(request, self._main, self._seconds)

    async def _dashboard(self, request: web.Request) -> web.StreamResponse:
        return self._answer(await self._dashboard_main(request), back=PAGE_PATH)

    async def _dashboard_events(self, request: web.Request) -> web.StreamResponse:
        await self._dashboard_main(request)  # answers at once where there is no such dashboard
        seconds = self._seconds * _DASHBOARD_PACE
        return await self._live(request, lambda: self._dashboard_main(request), seconds)

    def _answer(self, main: str, back: str = "") -> web.Response:
        nonce = secrets.token_urlsafe(16)
        return web.Response(
            text=render_page(self._status(), main, nonce, back),
            content_type="text/html",
            headers={
                "Cache-Control": "no-store",
                "Content-Security-Policy": (
                    f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
                    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                    "frame-ancestors 'none'"
                ),
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
            },
        )

    async def _live(
        self, request: web.Request, draw: Callable[[], Awaitable[str]], seconds: float
    ) -> web.StreamResponse:
        """What is drawn, again whenever it has changed, for as long as somebody looks."""
        if sum(viewer.transport is not None for viewer in self._viewers.values()) >= _VIEWERS:
            raise web.HTTPServiceUnavailable(text="too many pages look at this runtime; close one")
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is answered outside of a task")
        self._viewers[task] = request
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        try:
            with suppress(ConnectionError):
                await response.prepare(request)
                await _tell(request, response, draw, seconds)
        finally:
            del self._viewers[task]
        return response

    async def _main(self) -> str:
        """The status page's changing part, drawn once for all who look at the same time."""
        now = self._now()
        if now - self._drawn[0] >= self._seconds / 2:
            main = render_main(self._status(), self._history(), self._cpu(), self._cloud(), now)
            self._drawn = now, main
        return self._drawn[1]

    async def _dashboard_main(self, request: web.Request) -> str:
        region, name = request.match_info["region"], request.match_info["name"]
        length = request.query.get("range", DEFAULT_RANGE)
        if length not in RANGES:
            raise web.HTTPBadRequest(text=f"range {length} is none of {', '.join(RANGES)}")
        main = await asyncio.to_thread(render_dashboard, region, name, length, self._now())
        if main is None:
            raise web.HTTPNotFound(text=f"no dashboard {name} is deployed in {region}")
        return main


async def _tell(
    request: web.Request, response: web.StreamResponse, draw: Callable[[], Awaitable[str]], seconds: float
) -> None:
    clock = asyncio.get_running_loop().time
    told, last = "", clock()
    while request.transport is not None:  # None once the viewer has gone
        main = await draw()
        if main != told:
            told, last = main, clock()
            await response.write(f"data: {json.dumps(main)}\n\n".encode())
        elif clock() - last > _BREATH_SECONDS:
            last = clock()
            await response.write(b": still here\n\n")
        await asyncio.sleep(seconds)
