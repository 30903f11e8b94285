"""The page over HTTP: whole at ``/_mme/``, and as server-sent events for as long as somebody looks."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from mme.local.observability.history import History
from mme.local.observability.page.document import render_main, render_page

PAGE_PATH: Final = "/_mme/"
"""An underscore begins no API's path and no bucket's name."""
_EVENTS_PATH: Final = "/_mme/events"
_BREATH_SECONDS: Final = 15.0
_VIEWERS: Final = 20


class StatusPage:
    """Serves the page.

    Args:
        status: what the runtime tells of itself.
        history: of requests.
        cpu: percent of a processor by the instance's id, as last measured.
        seconds: between two looks whether something has changed.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        status: Callable[[], Mapping[str, Any]],
        history: Callable[[], History],
        cpu: Callable[[], Mapping[str, float]],
        *,
        seconds: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._status = status
        self._history = history
        self._cpu = cpu
        self._seconds = seconds
        self._now = now
        self._viewers: set[asyncio.Task[Any]] = set()
        self._drawn = (float("-inf"), "")

    def routes(self) -> list[web.RouteDef]:
        """What it answers, to be asked before anything else."""
        return [
            web.get(PAGE_PATH.rstrip("/"), self._redirect),
            web.get(PAGE_PATH, self._page),
            web.get(_EVENTS_PATH, self._events),
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
        if len(self._viewers) >= _VIEWERS:
            raise web.HTTPServiceUnavailable(text="too many pages look at this runtime; close one")
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is answered outside of a task")
        self._viewers.add(task)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        try:
            with suppress(ConnectionError):
                await response.prepare(request)
                await self._tell(response)
        finally:
            self._viewers.discard(task)
        return response

    async def _tell(self, response: web.StreamResponse) -> None:
        clock = asyncio.get_running_loop().time
        told, last = "", clock()
        while True:
            main = self._main()
            if main != told:
                told, last = main, clock()
                await response.write(f"data: {json.dumps(main)}\n\n".encode())
            elif clock() - last > _BREATH_SECONDS:
                last = clock()
                await response.write(b": still here\n\n")
            await asyncio.sleep(self._seconds)

    def _main(self) -> str:
        """The changing part, drawn once for all who look at the same time."""
        now = self._now()
        if now - self._drawn[0] >= self._seconds / 2:
            self._drawn = now, render_main(self._status(), self._history(), self._cpu(), now)
        return self._drawn[1]
