"""A channel that shows the renewed certificate of this process, by replacing the channel below it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from grpc import ChannelConnectivity, aio

from services.shared.tls.files import LOOK_SECONDS, CertificateFiles, Certificates

# The time after which calls of a replaced channel are cancelled. No call waits for longer.
_LONGEST_CALL_SECONDS: Final = 120.0

Open = Callable[[Certificates], aio.Channel]


class RenewingChannel(aio.Channel):
    """A channel with the certificate in the files, which are looked at during calls, once in two seconds.

    Once they are renewed, new calls go through a new channel, and those in progress end on the old one.
    """

    def __init__(self, files: CertificateFiles, open_channel: Open) -> None:
        self._files = files
        self._open = open_channel
        self._used = files.current
        self._channel = open_channel(self._used)
        self._look_at = 0.0
        self._closing: set[asyncio.Task[None]] = set()

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        """A callable for a method; generated stubs call this."""
        return self._callable(lambda channel: channel.unary_unary(method, *arguments, **options))

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """A callable for a method; generated stubs call this."""
        return self._callable(lambda channel: channel.unary_stream(method, *arguments, **options))

    def stream_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        """A callable for a method; generated stubs call this."""
        return self._callable(lambda channel: channel.stream_unary(method, *arguments, **options))

    def stream_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """A callable for a method; generated stubs call this."""
        return self._callable(lambda channel: channel.stream_stream(method, *arguments, **options))

    async def __aenter__(self) -> "RenewingChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Close all channels."""
        for closing in self._closing:
            closing.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> ChannelConnectivity:
        """The state of the present channel."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: ChannelConnectivity) -> None:
        """The same as of the present channel."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """The same as of the present channel."""
        await self._channel.channel_ready()

    def _callable(self, method_of: Callable[[aio.Channel], Any]) -> Any:
        channel, method = self._channel, method_of(self._channel)

        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal channel, method
            if (present := self._present()) is not channel:
                channel, method = present, method_of(present)
            return method(*arguments, **options)

        return call

    def _present(self) -> aio.Channel:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._files.renew()
            if self._files.current != self._used:
                self._replace()
        return self._channel

    def _replace(self) -> None:
        closing = asyncio.ensure_future(self._channel.close(_LONGEST_CALL_SECONDS))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        self._used = self._files.current
        self._channel = self._open(self._used)
