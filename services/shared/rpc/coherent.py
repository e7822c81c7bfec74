"""A channel to several replicas that behaves like a channel to one.

Replicas cache rows for a short time. With each answer they report the rows that they learned recently, by
reading or writing. The channel notes when that was, and requires from the other replicas answers that are not
older. So each caller sees its own changes, and never an older state after a newer one.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from grpc import ChannelConnectivity, aio

from services.shared.freshness import MICROSECOND, RecentRows, row_key
from services.shared.rpc.interceptors import METHOD, NOT_BEFORE_KEY, RECENT_ROWS_KEY

# The most rows to note; if there are more, all rows count as recent for a while.
_MAX_ROWS: Final = 10_000
# The fields of requests that contain the id of the row to read.
_ID_FIELDS: Final = ("flow_id", "id")
# The field of batches with one request for each row.
_REQUESTS: Final = "requests"
_NO_PROCESS: Final = b"\0" * 8


class _Mark(NamedTuple):
    """The replica that learned a row last, and when; and the latest of the other replicas, and when."""

    process: bytes
    time: float
    other: bytes = b""
    other_time: float = 0.0

    def updated(self, process: bytes, at: float) -> "_Mark":
        """The mark after a replica learned the row at this time."""
        times = {self.other: self.other_time, self.process: self.time}
        times[process] = max(at, times.get(process, 0.0))
        first, second = sorted(times.items(), key=_time_of, reverse=True)[:2]
        return _Mark(*first, *second)


class Marks:
    """The times at which replicas learned rows. It is used by one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rows: OrderedDict[int, _Mark] = OrderedDict()
        # The mark that applies to all rows, and the latest mark of any row.
        self._all: _Mark | None = None
        self._any: _Mark | None = None
        self._hold_seconds = 0.0

    def note(self, recent: RecentRows) -> None:
        """Note the rows that a replica has reported."""
        now = self._clock()
        at = now - recent.age_us * MICROSECOND
        self._hold_seconds = max(self._hold_seconds, recent.hold_ms / 1000)
        self._expire(now)
        self._any = _updated(self._any, recent.process, at)
        if recent.rows is None:
            self._all = _updated(self._all, recent.process, at)
        elif len(self._rows) + len(recent.rows) > _MAX_ROWS:
            self._rows.clear()
            self._all = _Mark(_NO_PROCESS, now)  # no replica is exempt
        else:
            for key in recent.rows:
                self._rows[key] = _updated(self._rows.pop(key, None), recent.process, at)

    @property
    def empty(self) -> bool:
        """True if no row was learned recently, as is always so with replicas that cache nothing."""
        return self._any is None

    def not_before(self, ids: Iterable[str] | None) -> str | None:
        """The text of freshness.NotBefore for a read of rows with these ids, or of any rows.

        None if every replica may answer from its cache.
        """
        if self._any is None:
            return None
        now = self._clock()
        if self._any.time + self._hold_seconds < now:
            self._expire(now)
            return None
        latest: dict[bytes, float] = {}
        for mark in self._marks(ids):
            if mark is not None:
                for process, at in ((mark.process, mark.time), (mark.other, mark.other_time)):
                    latest[process] = max(at, latest.get(process, 0.0))
        latest.pop(b"", None)
        return _format(latest, now) if latest else None

    def _marks(self, ids: Iterable[str] | None) -> Iterable[_Mark | None]:
        return (self._any,) if ids is None else (self._all, *map(self._rows.get, map(row_key, ids)))

    def _expire(self, now: float) -> None:
        """Remove marks whose former state no replica can have in its cache any more."""
        before = now - self._hold_seconds
        while self._rows and next(iter(self._rows.values())).time < before:
            self._rows.popitem(last=False)
        if self._all is not None and self._all.time < before:
            self._all = None
        if self._any is not None and self._any.time < before:
            self._any = None


class CoherentChannel(aio.Channel):
    """A channel that notes recent rows of replies, and requires fresh answers for reads."""

    def __init__(self, channel: aio.Channel, services: Sequence[ServiceDescriptor]) -> None:
        self._channel = channel
        self._marks = Marks()
        self._reads = {
            f"/{service.full_name}/{method.name}"
            for service in services
            for method in service.methods
            if method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
        }

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        """A callable for a method; generated stubs call this."""
        target = self._channel.unary_unary(method, *arguments, **options)
        marks, note, is_read = self._marks, self._note, method in self._reads

        async def call(
            request: Message, *, timeout: float, metadata: tuple[tuple[str, str], ...] = ()
        ) -> Message:
            if is_read and not marks.empty and (text := marks.not_before(_ids(request))) is not None:
                metadata = (*metadata, (NOT_BEFORE_KEY, text))
            pending = target(request, timeout=timeout, metadata=metadata)
            try:
                reply: Message = await pending
            except aio.AioRpcError as error:
                note(error.trailing_metadata())
                raise
            note(await pending.trailing_metadata())
            return reply

        # As the callables of gRPC have it.
        vars(call)[METHOD] = method.encode()
        return call

    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """The same as of the wrapped channel."""
        return self._channel.unary_stream(method, *arguments, **options)

    def stream_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        """The same as of the wrapped channel."""
        return self._channel.stream_unary(method, *arguments, **options)

    def stream_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        """The same as of the wrapped channel."""
        return self._channel.stream_stream(method, *arguments, **options)

    async def __aenter__(self) -> "CoherentChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Close the wrapped channel."""
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> ChannelConnectivity:
        """The same as of the wrapped channel."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: ChannelConnectivity) -> None:
        """The same as of the wrapped channel."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """The same as of the wrapped channel."""
        await self._channel.channel_ready()

    def _note(self, trailers: Iterable[tuple[str, str | bytes]]) -> None:
        for key, value in trailers or ():
            if key == RECENT_ROWS_KEY and isinstance(value, bytes):
                self._marks.note(RecentRows.from_bytes(value))


def _time_of(item: tuple[bytes, float]) -> float:
    return item[1]


def _updated(mark: _Mark | None, process: bytes, at: float) -> _Mark:
    return _Mark(process, at) if mark is None else mark.updated(process, at)


def _ids(request: Message) -> Iterable[str] | None:
    """The ids of the rows that a request reads; None if it does not contain them."""
    fields = request.DESCRIPTOR.fields_by_name
    for field in _ID_FIELDS:
        if field in fields:
            return (getattr(request, field),)
    return [single.id for single in getattr(request, _REQUESTS)] if _REQUESTS in fields else None


def _format(latest: dict[bytes, float], now: float) -> str:
    (process, at), *others = sorted(latest.items(), key=_time_of, reverse=True)
    return f"{process.hex()} {_age(now - at)} {_age(now - others[0][1]) if others else '-'}"


def _age(seconds: float) -> int:
    return int(max(0.0, seconds) / MICROSECOND)
