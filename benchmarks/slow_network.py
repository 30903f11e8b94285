"""A relay on localhost that delays every byte by half a round trip, in each direction.

Run by the benchmarks: python -m benchmarks.slow_network PORT TARGET_PORT ROUND_TRIP_MILLISECONDS
"""

from __future__ import annotations

import asyncio
import sys
import time

_BLOCK = 256 * 1024
_BLOCKS_IN_FLIGHT = 64


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    in_flight: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_BLOCKS_IN_FLIGHT)

    async def deliver() -> None:
        while True:
            due, block = await in_flight.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not block:
                writer.close()
                return
            writer.write(block)
            await writer.drain()

    delivering = asyncio.create_task(deliver())
    try:
        while True:
            block = await reader.read(_BLOCK)
            await in_flight.put((time.monotonic() + delay, block))
            if not block:
                break
        await delivering
    except ConnectionError:
        delivering.cancel()


async def main() -> None:
    """Relay until the process is ended."""
    port, target, milliseconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    delay = milliseconds / 2000

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(
            _carry(reader, there_writer, delay),
            _carry(there_reader, writer, delay),
            return_exceptions=True,
        )

    server = await asyncio.start_server(connected, "localhost", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
