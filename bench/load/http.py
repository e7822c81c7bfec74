"""HTTP/1.1 load on persistent connections. It parses little, to leave the CPU to the servers."""

import asyncio
import ssl
import time
from typing import Final

from bench.load import Outcome, Plan
from bench.load.tally import Tally

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\ncontent-length:"
_SUCCESS: Final = b"2"
_SHOWN: Final = 600


class _Connection(asyncio.Protocol):
    """Sends the next request when the reply to the last one is complete."""

    def __init__(self, tally: Tally, pause: float) -> None:
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tally = tally
        self._pause = pause
        self._head = b""
        self._body_left = 0
        self._sent = 0.0
        self._waiting = False

    def start(self, transport: asyncio.Transport) -> None:
        """Send the first request."""
        self._transport = transport
        self._send()

    def _send(self) -> None:
        request = self._tally.next()
        self._waiting = request is not None
        if request is None:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read some bytes of a reply."""
        if self._body_left:
            self._body_left -= len(data)
        else:
            self._head += data
            end = self._head.find(_END)
            if end < 0:
                return
            self._body_left = _body_length(self._head[:end]) - (len(self._head) - end - len(_END))
            self._check(self._head)
            self._head = b""
        if not self._body_left:
            self._tally.reply(self._sent)
            self._next()

    def _next(self) -> None:
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._send)
        else:
            self._send()

    def _check(self, head: bytes) -> None:
        if head[9:10] != _SUCCESS:
            self._tally.error(head[:_SHOWN].decode(errors="replace"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection has ended."""
        if self._waiting:
            self._tally.error(f"connection lost: {exc}")
        self.finished.set_result(None)


def _body_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    if at < 0:
        return 0
    return int(lowered[at + len(_LENGTH) :].split(b"\r\n", 1)[0])


async def send_http(plan: Plan) -> Outcome:
    """Run the plan against 127.0.0.1."""
    loop = asyncio.get_running_loop()
    tally = Tally(plan)
    context = ssl.create_default_context(cafile=plan.authorities) if plan.authorities else None
    opened = [
        await loop.create_connection(
            lambda: _Connection(tally, plan.pause), "127.0.0.1", plan.port, ssl=context
        )
        for _ in range(plan.connections)
    ]
    tally.start()
    for transport, connection in opened:
        connection.start(transport)
    await asyncio.gather(*(connection.finished for _, connection in opened))
    return tally.outcome()
