"""The process that attacks: `python -m benchmarks.floods.attacker NAME SECONDS TARGET`; prints what it did as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Iterator

from benchmarks.floods.attacks import Attack, Target, attacks, numbers, slow

TICK = 0.02  # seconds: so often as much is sent as the rate asks for
TRICKLE_EVERY = 1.0


class Attacker:
    """One attack under way."""

    def __init__(self, attack: Attack, target: Target) -> None:
        self.attack = attack
        self.address = ("127.0.0.1", target.ports[attack.port])
        self.sent = self.octets_out = self.octets_in = self.opened = self.refused = self.closed = 0
        self.longest = 0.0  # seconds that one connection was up
        self._numbers = numbers()
        self._end = 0.0

    async def run(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        if not self.attack.kept:
            await self._datagrams()
        else:
            async with asyncio.TaskGroup() as group:
                for index in range(self.attack.kept):
                    group.create_task(self._connection(index))

    # -- datagrams

    async def _datagrams(self) -> None:
        sockets = [_bound(source) for source in self.attack.sources]
        loop = asyncio.get_running_loop()
        for each in sockets:
            loop.add_reader(each, self._came, each)
        done = 0
        start = time.monotonic()
        while time.monotonic() < self._end:
            due = int((time.monotonic() - start) * self.attack.rate)
            for index in range(done, due):
                number = next(self._numbers)
                which = index % len(sockets)
                octets = self.attack.make(number, self.attack.sources[which])
                with contextlib.suppress(BlockingIOError):
                    sockets[which].sendto(octets, self.address)
                    self.sent += 1
                    self.octets_out += len(octets)
            done = due
            await asyncio.sleep(TICK)
        for each in sockets:
            loop.remove_reader(each)
            each.close()

    def _came(self, each: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.octets_in += len(each.recv(65536))

    # -- connections

    async def _connection(self, index: int) -> None:
        source = self.attack.sources[index % len(self.attack.sources)]
        await asyncio.sleep(index / self.attack.rate)
        while time.monotonic() < self._end:
            try:
                await self._one(source)
            except (OSError, asyncio.IncompleteReadError):
                self.refused += 1
            await asyncio.sleep(0.5)

    async def _one(self, source: str) -> None:
        context = None
        if self.attack.handshake:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(*self.address, ssl=context, local_addr=(source, 0))
        self.opened += 1
        began = time.monotonic()
        reading = asyncio.create_task(self._read(reader))
        try:
            for octets, pause in self._pieces(source):
                if time.monotonic() >= self._end or reading.done():
                    break
                if octets:
                    writer.write(octets)
                    await writer.drain()
                    self.octets_out += len(octets)
                await asyncio.wait([reading], timeout=pause)
        finally:
            self.closed += reading.done()
            self.longest = max(self.longest, time.monotonic() - began)
            reading.cancel()
            writer.transport.abort()

    def _pieces(self, source: str) -> Iterator[tuple[bytes, float]]:
        while True:
            octets = self.attack.make(next(self._numbers), source)
            self.sent += bool(octets)
            if self.attack.trickles or not octets:
                yield from ((bytes([octet]), TRICKLE_EVERY) for octet in octets)
                if not octets:
                    yield b"", TRICKLE_EVERY
            else:
                yield octets, self.attack.kept / self.attack.rate

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                self.octets_in += len(octets)


def _bound(source: str) -> socket.socket:
    each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    each.setblocking(False)
    each.bind((source, 0))
    return each


def main(name: str, seconds: float, target: Target) -> None:
    """Run the attack of this name, and print what it did."""
    os.nice(10)  # it has machines of its own: here it must not take the processor from whom it attacks
    attacker = Attacker(next(each for each in (*attacks(target), *slow(target)) if each.name == name), target)
    asyncio.run(attacker.run(seconds))
    counts = ("sent", "octets_out", "octets_in", "opened", "refused", "closed", "longest")
    sys.stdout.write(json.dumps({count: getattr(attacker, count) for count in counts}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Target(**json.loads(sys.argv[3])))
