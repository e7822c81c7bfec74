"""Reads request bodies, with limits for one body, for its time, and for all bodies together."""

from typing import Final

from granian._granian import RSGIProtocolError

from gateway.errors import BodyIncomplete, BodyTimeout, BodyTooLarge, UnsupportedMediaType
from gateway.http.requests import Request
from gateway.http.wire.time_limit import TimeLimit
from services.shared.errors import Unavailable

_JSON: Final = "application/json"

# A body of at most SMALL_BYTES is counted once, by the length it declares, while such bodies together
# declare at most RESERVED_BYTES. All other bodies are counted as they arrive, which costs a turn of the
# event loop for each chunk.
SMALL_BYTES: Final = 256 * 1024
RESERVED_BYTES: Final = 64 * 1024 * 1024


class BodyReader:
    """Reads the JSON bodies of requests.

    A body has at most `max_bytes` and arrives within `seconds`. All bodies that are in use have at most
    `max_held_bytes` together, or `max_bytes` if that is more.
    """

    def __init__(self, max_bytes: int, seconds: float, max_held_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._time = TimeLimit(seconds)
        self._max_held_bytes = max(max_bytes, max_held_bytes)
        self._held_bytes = 0
        self._reserved_bytes = 0

    @property
    def held_bytes(self) -> int:
        """The bytes of all bodies in use."""
        return self._held_bytes + self._reserved_bytes

    def read(self, request: Request) -> "Body":
        """The whole body, as a block whose value is its bytes. They count until the block ends.

        The block raises BodyTooLarge, BodyTimeout, BodyIncomplete; Unavailable OVERLOADED if the bodies in
        use fill the limit; UnsupportedMediaType for a content type other than JSON, and for encodings such as
        gzip. A request without a content type is accepted.
        """
        return Body(self, request)

    async def receive(self, request: Request) -> bytes:
        """The bytes of the body. They count until `release`."""
        _refuse_other_types(request)
        try:
            return await self._time.wait_for(self._bounded(request))
        except RSGIProtocolError:
            fault = "the body is incomplete, badly chunked, or followed by trailers"
            raise BodyIncomplete(fault) from None
        except TimeoutError:
            raise BodyTimeout(f"the body did not arrive within {self._time.seconds:g} s") from None

    def release(self, request: Request) -> None:
        """Stop counting the bytes of the body."""
        self._held_bytes -= request.held_bytes
        self._reserved_bytes -= request.reserved_bytes

    async def _bounded(self, request: Request) -> bytes:
        limit = min(request.route.body_bytes or self._max_bytes, self._max_bytes)
        length = request.headers.get("content-length")
        if length is None or not length.isdecimal():
            return await self._counted(request, limit)
        declared = int(length)
        if declared > limit:
            raise _too_large(limit)
        if declared > SMALL_BYTES or self._reserved_bytes + declared > RESERVED_BYTES:
            return await self._counted(request, limit)
        request.reserved_bytes = declared
        self._reserved_bytes += declared
        # The server reads no more than the declared length.
        return await request.protocol.read(declared)

    async def _counted(self, request: Request, limit: int) -> bytes:
        chunks = []
        async for chunk in request.protocol:
            chunks.append(chunk)
            request.held_bytes += len(chunk)
            self._held_bytes += len(chunk)
            if request.held_bytes > limit:
                raise _too_large(limit)
            if self._held_bytes > self._max_held_bytes:
                raise Unavailable("too many large bodies at once", reason="OVERLOADED")
        return b"".join(chunks)


class Body:
    """A body that counts against the limits of its reader during a block."""

    __slots__ = ("_reader", "_request")

    def __init__(self, reader: BodyReader, request: Request) -> None:
        self._reader = reader
        self._request = request

    async def __aenter__(self) -> bytes:
        try:
            return await self._reader.receive(self._request)
        except BaseException:
            self._reader.release(self._request)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._reader.release(self._request)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is longer than {limit} bytes, the limit of this path")


def _refuse_other_types(request: Request) -> None:
    content_type = request.headers.get("content-type")
    if content_type is not None and content_type.partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMediaType(f"the body must be {_JSON}, but it is {content_type[:100]!r}")
    encoding = request.headers.get("content-encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(f"the body must not be encoded, but it is {encoding[:100]!r}")
