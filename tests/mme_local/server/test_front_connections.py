"""Connections of the front: callers that wait, leave or do not read, and the end of all."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.mme_local.addresses import Loop, address, run
from tests.mme_local.raw_caller import Echo, answer, connect, written


def test_a_caller_that_does_not_read_holds_up_no_other(loop: Loop) -> None:
    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            slow_reader, slow = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            large = bytes(8_000_000)
            slow.write(written(large) + written(b"next"))
            await plane.begun.wait()
            reader, writer = await connect(port)
            for _ in range(20):
                writer.write(written(b"quick"))
                assert (await answer(reader)).body == b"quick"
            assert len(plane.asked) == 21, "the next one waits until its answer can be sent"
            head = await slow_reader.readuntil(b"\r\n\r\n")
            assert f"Content-Length: {len(large)}".encode() in head
            assert await slow_reader.readexactly(len(large)) == large
            assert (await answer(slow_reader)).body == b"next"
            slow.close()
            writer.close()

    run(story(), loop)


def test_a_caller_that_leaves_in_the_middle_of_its_body_asked_nothing(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            _, writer = await connect(port)
            writer.write(written(bytes(1000))[:-1])
            await writer.drain()
            writer.close()
            reader, writer = await connect(port)
            writer.write(written(b"whole"))
            assert (await answer(reader)).body == b"whole"
            writer.close()
        assert [bytes(call.body) for call in plane.asked] == [b"whole"]

    run(story(), loop)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_what_a_caller_that_left_asked_for_is_done(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            plane.may.clear()
            reader, writer = await connect(port)
            writer.write(written(b"gone") + written(b"never asked"))
            await plane.begun.wait()
            writer.transport.abort()
            # Another one sees the first end: it is gone by then.
            reader, other = await connect(port)
            other.write(written(b"here"))
            while len(plane.asked) < 2:
                await asyncio.sleep(0)
            plane.may.set()
            assert (await answer(reader)).body == b"here"
            other.close()
        assert (plane.answered, len(plane.asked)) == (2, 2)

    run(story(), loop)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_at_the_end_answers_under_way_are_sent_and_idle_connections_end(loop: Loop) -> None:
    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            idle, idle_writer = await connect(port)
            idle_writer.write(written(b"one"))
            await answer(idle)
            plane.may.clear()
            plane.begun.clear()
            reader, writer = await connect(port)
            writer.write(written(b"under way") + written(b"too late"))
            await plane.begun.wait()
            asyncio.get_running_loop().call_later(0.05, plane.may.set)
        found = await answer(reader)
        assert (found.body, found.headers["connection"]) == (b"under way", "close")
        assert await reader.read() == b""
        assert await idle.read() == b""
        assert len(plane.asked) == 2
        writer.close()
        idle_writer.close()

    run(story(), loop)


def test_at_the_end_what_a_caller_that_left_asked_for_is_done_too(loop: Loop) -> None:
    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            plane.may.clear()
            _, writer = await connect(port)
            writer.write(written(b"gone"))
            await plane.begun.wait()
            writer.transport.abort()
            asyncio.get_running_loop().call_later(0.1, plane.may.set)
        assert plane.answered == 1

    run(story(), loop)


def test_at_the_end_what_hangs_is_cut_off(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme_local.server.address._SHUTDOWN_SECONDS", 0.05)

    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            plane.may.clear()
            reader, writer = await connect(port)
            writer.write(written(b"hangs"))
            await plane.begun.wait()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()

    run(story(), loop)


def test_idle_connections_end_after_a_while(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme_local.server.front._SWEEP_SECONDS", 0.01)
    monkeypatch.setattr("mme_local.server.front._IDLE_SECONDS", 0.1)

    async def story() -> None:
        plane = Echo()
        async with address(plane) as port:
            plane.may.clear()
            reader, writer = await connect(port)
            silent, silent_writer = await connect(port)
            writer.write(written(b"slow"))
            await plane.begun.wait()
            uploading, uploading_writer = await connect(port)
            upload = written(bytes(1000))
            uploading_writer.write(upload[:-1])
            assert await silent.read() == b"", "it never asked anything"
            reader_of_time, _ = await connect(port)
            assert await reader_of_time.read() == b"", "it came after the upload began"
            plane.may.set()
            uploading_writer.write(upload[-1:])
            assert (await answer(uploading)).body == bytes(1000), "it had not waited for a request"
            uploading_writer.close()
            assert (await answer(reader)).body == b"slow", "it waited for its answer, and was not idle"
            assert await reader.read() == b""
            writer.close()
            silent_writer.close()

    run(story(), loop)
