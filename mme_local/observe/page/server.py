"""The status page over HTTP, and as server-sent events while a browser shows it."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from mme_local.observe.alarms import ObservedAlarm, deployed_alarms
from mme_local.observe.history import History
from mme_local.observe.page.document import render_main, render_page

PAGE_PATH: Final = "/_mme/"
"""No AWS API's path and no bucket's name begins with an underscore."""
_KEEP_ALIVE_SECONDS: Final = 15.0
_MAX_VIEWERS: Final = 20


class StatusPage:
    """Serves the status page.

    Args:
        status: returns the local endpoint's description.
        history: returns the endpoints' requests.
        cpu: returns percent of a processor by instance id, as last measured.
        alarms: returns the deployed alarms.
        seconds: between two checks for changes.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        status: Callable[[], Mapping[str, Any]],
        history: Callable[[], History],
        cpu: Callable[[], Mapping[str, float]],
        alarms: Callable[[], Sequence[ObservedAlarm]] = deployed_alarms,
        *,
        seconds: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._status = status
        self._history = history
        self._cpu = cpu
        self._alarms = alarms
        self._seconds = seconds
        self._now = now
        self._viewers: dict[asyncio.Task[Any], web.Request] = {}
        self._rendered = (float("-inf"), "")

    def routes(self) -> list[web.RouteDef]:
        """Return the page's routes; they come before all others."""
        return [
            web.get(PAGE_PATH.rstrip("/"), self._redirect),
            web.get(PAGE_PATH, self._page),
            web.get(f"{PAGE_PATH}events", self._events),
        ]

    async def close(self) -> None:
        """Disconnect all viewers."""
        viewers = list(self._viewers)
        for viewer in viewers:
            viewer.cancel()
        await asyncio.gather(*viewers, return_exceptions=True)

    async def _redirect(self, _: web.Request) -> web.StreamResponse:
        raise web.HTTPMovedPermanently(PAGE_PATH)

    async def _page(self, _: web.Request) -> web.StreamResponse:
        nonce = secrets.token_urlsafe(16)
        return web.Response(
            text=render_page(self._status(), self._main(), nonce),
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

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send the changing part whenever it differs, until the viewer disconnects."""
        if sum(viewer.transport is not None for viewer in self._viewers.values()) >= _MAX_VIEWERS:
            raise web.HTTPServiceUnavailable(text="too many pages show this local endpoint; close one")
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
                await self._send(request, response)
        finally:
            del self._viewers[task]
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse) -> None:
        clock = asyncio.get_running_loop().time
        sent, last = "", clock()
        while request.transport is not None:  # None once the viewer has disconnected
            main = self._main()
            if main != sent:
                sent, last = main, clock()
                await response.write(f"data: {json.dumps(main)}\n\n".encode())
            elif clock() - last > _KEEP_ALIVE_SECONDS:
                last = clock()
                await response.write(b": keep-alive\n\n")
            await asyncio.sleep(self._seconds)

    def _main(self) -> str:
        """Return the changing part, rendered once for all viewers."""
        now = self._now()
        if now - self._rendered[0] >= self._seconds / 2:
            main = render_main(self._status(), self._history(), self._cpu(), self._alarms(), now)
            self._rendered = now, main
        return self._rendered[1]
