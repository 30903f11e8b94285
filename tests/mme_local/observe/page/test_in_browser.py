"""The page in a browser: live, dark, on a phone, by keyboard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tools.browser import Page, chromium, new_page
from tools.sample_runtime import (
    SampleRuntime,
    sample_endpoint,
    sample_instance,
    sample_model,
    sample_request,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]


def show(runtime: SampleRuntime, scenario: Callable[[Page, str], Awaitable[None]]) -> None:
    """Run a scenario with a browser and the page's address."""

    async def run() -> None:
        page = runtime.page()
        application = web.Application()
        application.add_routes(page.routes())
        async with TestServer(application) as server, new_page() as browser:
            await scenario(browser, str(server.make_url("/_mme/")))
            await page.close()

    asyncio.run(asyncio.wait_for(run(), 240))


def busy() -> SampleRuntime:
    models = [sample_model(f"tenant-a/a-model-with-quite-a-long-name-{n}_v0.tar.gz") for n in range(30)]
    runtime = SampleRuntime(endpoints=[sample_endpoint(sample_instance(0, *models), sample_instance(1))])
    runtime.history.count(
        sample_request(f"m{n}.tar.gz", hit=n % 5 > 0, error="bad input " * 20 if n % 9 == 0 else "")
        for n in range(60)
    )
    return runtime


def test_it_updates_itself_and_loads_nothing_else() -> None:
    runtime = busy()

    async def scenario(page: Page, url: str) -> None:
        await page.open(url)
        await page.until("document.getElementById('live').textContent === 'live'")
        runtime.history.count([sample_request("fresh_v1.tar.gz")])
        runtime.now += 1
        await page.until("document.querySelector('main').textContent.includes('fresh_v1.tar.gz')")
        runtime.endpoints = []
        runtime.now += 1
        await page.until("document.querySelector('main').textContent.includes('No endpoint is deployed')")
        assert page.errors == []
        assert {address for address in page.requested if not address.startswith((url, "data:"))} == set()

    show(runtime, scenario)


def test_an_update_preserves_scroll_position_and_focus() -> None:
    runtime = busy()

    async def scenario(page: Page, url: str) -> None:
        await page.open(url)
        region = "document.querySelector('[aria-label=\"Models in memory\"].scroll')"
        await page.run(f"{region}.focus(), {region}.scrollTo(0, 200)")
        runtime.endpoints[0]["instances"][0]["models"][0]["hits"] = 4321
        runtime.now += 1
        await page.until(f"{region}.textContent.includes('4,321')")
        assert await page.run(f"{region}.scrollTop") == 200
        assert await page.run(f"document.activeElement === {region}")

    show(runtime, scenario)


@pytest.mark.parametrize(("width", "phone"), [(390, True), (500, True), (1280, False)])
def test_it_fits_its_window(width: int, phone: bool) -> None:
    async def scenario(page: Page, url: str) -> None:
        await page.look_like(width, 844, phone=phone)
        await page.open(url)
        assert await page.run("document.documentElement.scrollWidth") == width
        columns = "getComputedStyle(document.querySelector('.cards')).gridTemplateColumns.split(' ').length"
        assert (await page.run(columns) == 1) == phone

    show(busy(), scenario)


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_enough_contrast(dark: bool) -> None:
    async def scenario(page: Page, url: str) -> None:
        await page.look_like(1280, 844, dark=dark)
        await page.open(url)
        ground = await page.run("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(","))) < 100) == dark
        assert await page.run(_FAINT) == []

    show(busy(), scenario)


def test_it_works_with_a_screen_reader() -> None:
    async def scenario(page: Page, url: str) -> None:
        await page.open(url)
        assert await page.run("document.querySelectorAll('main h1, h1').length") == 1
        assert await page.run("[...document.querySelectorAll('svg[role=img]')].every(e => e.ariaLabel)")
        assert await page.run("[...document.querySelectorAll('th')].every(e => e.scope)")
        assert await page.run("[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0)")
        assert await page.run(
            "new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size"
        ) == await page.run("document.querySelectorAll('[id]').length")

    show(busy(), scenario)


_FAINT = """
[...document.querySelectorAll('body *')].filter(element => {
  if (![...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) return false;
  if (!element.checkVisibility() || element.closest('script, style, noscript')) return false;
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = element;
  while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
  const pair = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light);
  const [low, high] = [Math.min(...pair), Math.max(...pair)];
  return (high + 0.05) / (low + 0.05) < 4.5;
}).map(element => element.outerHTML.slice(0, 120))
"""
"""Elements whose text has less contrast than 4.5 to 1 (WCAG 2.2, 1.4.3)."""
