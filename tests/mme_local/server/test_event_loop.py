"""The loop that a runtime runs on."""

from __future__ import annotations

import asyncio
import sys

import pytest

from mme_local.server.event_loop import serve


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop does not know Windows")
def test_it_is_uvloops() -> None:
    found = []

    async def runtime() -> None:
        found.append(type(asyncio.get_running_loop()).__module__)

    serve(runtime())
    assert found == ["uvloop"]


def test_what_the_runtime_raises_is_raised() -> None:
    async def runtime() -> None:
        raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        serve(runtime())
