"""Render the pictures of pages in docs/images with headless Chromium, for a desktop and for a phone.

`python -m tools.page_pictures` draws the status page, with half an hour of made-up traffic on two instances,
and the report that `mme plan --html` writes for the example of docs/planning.md.
"""

from __future__ import annotations

import asyncio
import io
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from mme_local.observe.alarms import ObservedAlarm
from tools.browser import new_page
from tools.planning_example import prepare
from tools.sample_runtime import (
    MIB,
    NOW,
    SampleRuntime,
    sample_endpoint,
    sample_instance,
    sample_request,
)

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
DESKTOP: Final = (1040, 1070)
PHONE: Final = (400, 860)
COLOURS: Final = 200
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


def busy_runtime() -> SampleRuntime:
    """Return a runtime after half an hour of calls."""
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
        return sample_instance(
            number, *models, memory_used_bytes=used, disk_used_bytes=used * 2, in_flight=number
        )

    runtime = SampleRuntime([sample_endpoint(instance(0, *NAMES[:4]), instance(1, *NAMES[4:], NAMES[0]))])
    requests = []
    at = NOW - 1790
    while at < NOW:
        at += chance.expovariate(0.4 if at < NOW - 900 else 1.2)
        hit = chance.random() > 0.1
        took = chance.uniform(0.002, 0.02)
        request = sample_request(f"{chance.choice(NAMES)}.tar.gz", at=min(at, NOW), hit=hit)
        request.trace.model_seconds = took
        request.trace.waited_seconds = 0.0 if hit else chance.uniform(0.2, 1.9)
        if chance.random() < 0.006:
            requests.append(sample_request("churn_v1.tar.gz", at=request.at, error=SHAPE))
        requests.append(request._replace(seconds=request.trace.waited_seconds + took + 0.001))
    runtime.history.count(requests)
    names = ("server-errors", "latency")
    runtime.alarms = [ObservedAlarm("us-east-1", f"mme-dev-{name}", "OK", "", NOW) for name in names]
    return runtime


async def draw_status(width: int, height: int, *, phone: bool = False) -> bytes:
    """Return a picture of the status page as PNG.

    Args:
        width: of the window, in pixels.
        height: of the window, in pixels.
        phone: whether it is a phone's browser.
    """
    page = busy_runtime().page()
    application = web.Application()
    application.add_routes(page.routes())
    async with TestServer(application) as server, new_page() as browser:
        await browser.look_like(width, height, phone=phone)
        await browser.open(str(server.make_url("/_mme/")))
        await browser.until("document.getElementById('live').textContent === 'live'")
        picture = await browser.picture()
        await page.close()
    return picture


async def draw_file(file: Path, width: int, height: int, *, phone: bool = False) -> bytes:
    """Return a picture of the top of an HTML file as PNG.

    Args:
        file: the page.
        width: of the window, in pixels.
        height: of the window, in pixels.
        phone: whether it is a phone's browser.
    """
    async with new_page() as browser:
        await browser.look_like(width, height, phone=phone)
        await browser.open(file.as_uri())
        return await browser.picture()


def save(name: str, picture: bytes) -> None:
    """Write a picture to docs/images with few colours.

    Args:
        name: of the file.
        picture: as PNG.
    """
    drawn = Image.open(io.BytesIO(picture)).convert("RGB")
    drawn.quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)


def main() -> None:
    """Write the pictures."""
    save("status-page.png", asyncio.run(draw_status(*DESKTOP)))
    save("status-page-phone.png", asyncio.run(draw_status(*PHONE, phone=True)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = prepare(folder)
        report = folder / "plan.html"
        arguments = [sys.executable, "-m", "mme.cli.main", *command[1:], "--html", str(report)]
        subprocess.run(arguments, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        save("plan-report.png", asyncio.run(draw_file(report, *DESKTOP)))
        save("plan-report-phone.png", asyncio.run(draw_file(report, *PHONE, phone=True)))


if __name__ == "__main__":
    main()
