"""Draws the status page's picture of docs/images, by headless Chromium.

`python -m tools.status_page_picture` serves the page itself, with the facts of a runtime that is made up
here: half an hour of traffic on two instances. Nothing else of a runtime runs.
"""

from __future__ import annotations

import asyncio
import io
import random
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from mme_local.observe.dashboards.cloud import AlarmFact, CloudFacts
from tests.mme_local.observe.browser import new_page
from tests.mme_local.observe.page.a_runtime import (
    MIB,
    NOW,
    FakeRuntime,
    a_request,
    an_endpoint,
    an_instance,
)

PICTURE: Final = Path(__file__).parents[1] / "docs" / "images" / "status-page.png"
SIZE: Final = (1040, 1070)
COLOURS: Final = 64
NAMES: Final = (
    "add_sub_v0",
    "churn_v0",
    "churn_v1",
    "pricing_v0",
    "sentiment_v2",
    "tenant-a/ranking_v0",
    "tenant-b/fraud_v3",
)
SHAPE: Final = "unexpected shape for input 'INPUT0' for model 'churn', expected [-1,4], got [1,5]"


def a_busy_runtime() -> FakeRuntime:
    """A runtime after half an hour of calls."""
    chance = random.Random(11)  # noqa: S311 - no secret

    def instance(number: int, *names: str) -> dict[str, Any]:
        models = [
            {
                "name": f"{name}.tar.gz",
                "state": "ready",
                "weight_bytes": chance.randint(12, 180) * MIB,
                "loaded_at": NOW - chance.randint(60, 1700),
                "hits": chance.randint(20, 400),
            }
            for name in names
        ]
        used = sum(int(str(model["weight_bytes"])) for model in models)
        return an_instance(
            number, *models, memory_used_bytes=used, disk_used_bytes=used * 2, in_flight=number
        )

    runtime = FakeRuntime(endpoints=[an_endpoint(instance(0, *NAMES[:4]), instance(1, *NAMES[4:], NAMES[0]))])
    requests = []
    at = NOW - 1790
    while at < NOW:
        at += chance.expovariate(0.4 if at < NOW - 900 else 1.2)
        hit = chance.random() > 0.1
        took = chance.uniform(0.002, 0.02)
        seen = a_request(f"{chance.choice(NAMES)}.tar.gz", at=min(at, NOW), hit=hit)
        trace = seen.trace
        trace.model_seconds = took
        trace.waited_seconds = 0.0 if hit else chance.uniform(0.2, 1.9)
        seen = seen._replace(seconds=trace.waited_seconds + took + 0.001)
        if chance.random() < 0.006:
            failed = a_request("churn_v1.tar.gz", at=seen.at, error=SHAPE)
            requests.append(failed)
        requests.append(seen)
    runtime.history.count(requests)
    runtime.cloud = CloudFacts(
        [AlarmFact("us-east-1", f"mme-dev-{name}", "OK", "", NOW) for name in ("server-errors", "latency")],
        [("us-east-1", "mme-dev")],
    )
    return runtime


async def draw() -> bytes:
    """The page's picture as PNG."""
    page = a_busy_runtime().page()
    application = web.Application()
    application.add_routes(page.routes())
    async with TestServer(application) as server, new_page() as browser:
        await browser.look_like(*SIZE)
        await browser.open(str(server.make_url("/_mme/")))
        await browser.until("document.getElementById('live').textContent === 'live'")
        picture = await browser.picture()
        await page.close()
    return picture


def main() -> None:
    """Writes the picture."""
    drawn = Image.open(io.BytesIO(asyncio.run(draw()))).convert("RGB")
    drawn.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
