"""The search of the built site, in a browser, finds the page of each public name, option and finding."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.docs.page import ROOT
from tools.browser import chromium, new_page
from tools.site import commands, findings, reference

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(600),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]
SEARCH = """(async (word, page) => {
  const box = document.querySelector("[data-md-component=search-query]");
  box.focus();
  box.value = word;
  for (const name of ["input", "keyup"]) box.dispatchEvent(new Event(name, {bubbles: true}));
  const has = link => (new URL(link.href).pathname + new URL(link.href).hash).startsWith(page);
  for (let tries = 0; tries < 50; tries++) {
    const items = [...document.querySelectorAll(".md-search-result__item")].slice(0, 5);
    if (items.some(item => [...item.querySelectorAll("a")].some(has))) return true;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  return false;
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ
        | {"PYTHONPATH": f"{ROOT / '.venv' / 'docs'}{os.pathsep}{ROOT}", "NO_MKDOCS_2_WARNING": "1"},
        check=True,
        timeout=300,
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and prints nothing."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def wanted() -> list[tuple[str, str]]:
    """Words, and the location of their page or its beginning."""
    found = [
        (name, f"/reference/{package}/{name}/")
        for package in reference.LIBRARIES
        for name in reference.public_names(package)
    ]
    codes = re.findall(r"^### ([a-z0-9-]+)$", findings.findings_page(), re.MULTILINE)
    found += [(code, f"/reference/findings/#{code}") for code in codes]
    options = {one for page in commands.command_pages().values() for one in re.findall(r"`(--[\w-]+)`", page)}
    return found + [(option, "/reference/commands/") for option in sorted(options)]


async def unfound(url: str, words: list[tuple[str, str]]) -> list[str]:
    async with new_page() as browser:
        await browser.look_like(1400, 900)
        await browser.open(url)
        return [
            word
            for word, page in words
            if not await browser.run(f"{SEARCH}({json.dumps(word)}, {json.dumps(page)})")
        ]


def test_a_search_finds_each_page(site: str) -> None:
    words = wanted()
    assert len(words) > 250
    missing = asyncio.run(unfound(site, words))
    assert missing == [], missing


def test_a_word_that_is_nowhere_is_not_found(site: str) -> None:
    assert asyncio.run(unfound(site, [("nosuchword", "/")])) == ["nosuchword"]
