"""Wraps each call of a server: request id, trace, freshness, errors, metrics and logs."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn

import grpc
from google.protobuf.message import Message
from grpc import aio

from services.shared import freshness
from services.shared.errors import Internal, InvalidArgument, TamsError
from services.shared.process import logs
from services.shared.process.telemetry import Telemetry
from services.shared.rpc.guard import Guard
from services.shared.rpc.observation import OK, ObservedCalls, ObservedMethod
from services.shared.rpc.status import DETAILS_KEY, clip, code_of, details_of
from services.shared.telemetry.trace import TRACEPARENT

REQUEST_ID_KEY = "x-request-id"
# The keys of freshness.NotBefore in requests and of freshness.RecentRows in replies.
NOT_BEFORE_KEY = "tams-not-before"
RECENT_ROWS_KEY = "tams-news-bin"

# The attribute with the path of a method that the callables of gRPC's channels have, as bytes.
METHOD = "_method"

# Orchestrators ask for the health of a process without credentials.
_HEALTH = "/grpc.health.v1.Health/"

_log = logging.getLogger(__name__)

# A handler of any method. The class of grpc is generic only in its type stubs, so it cannot be subscripted.
Handler = Any
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]
Context = aio.ServicerContext[Message, Message]
Behaviour = Callable[[Message, Context], Awaitable[Message]]
Metadata = Iterable[tuple[str, str | bytes]]
# Learns of the error of a call: its method, its request and the error.
NoteError = Callable[[str, Message, TamsError], None]


def _ignore(_method: str, _request: Message, _error: TamsError) -> None:
    """Does nothing with an error."""


class EdgeInterceptor(aio.ServerInterceptor):
    """Wraps each method once: reads the metadata, turns errors into a status, writes a log line.

    Streaming methods (health watch, reflection) belong to libraries and are not wrapped. With a guard, each
    call but those of health checks has to be admitted first. `note_error` learns of all errors.
    """

    def __init__(
        self, telemetry: Telemetry, guard: Guard | None = None, note_error: NoteError | None = None
    ) -> None:
        self._calls = ObservedCalls(telemetry)
        self._guard = guard
        self._note_error = note_error or _ignore
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """The wrapped handler of the method."""
        method = handler_call_details.method
        if (wrapped := self._wrapped.get(method)) is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        wrapped = grpc.unary_unary_rpc_method_handler(
            self._wrap(method, handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        self._wrapped[method] = wrapped
        return wrapped

    def _wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        guard = None if method.startswith(_HEALTH) else self._guard
        return _wrap(self._calls.method(method), method, behaviour, guard, self._note_error)


def _wrap(
    observed: ObservedMethod, method: str, behaviour: Behaviour, guard: Guard | None, note_error: NoteError
) -> Behaviour:
    async def call(request: Message, context: Context) -> Message:
        metadata = context.invocation_metadata() or ()
        observation = observed.begin(_traceparent(metadata))
        code = OK
        try:
            _read_metadata(metadata)
            if guard is not None:
                await guard.admit(method, _texts(metadata), request)
            reply = await behaviour(request, context)
            if (recent := freshness.recent_rows.get()) is not None:
                context.set_trailing_metadata(((RECENT_ROWS_KEY, recent.to_bytes()),))
            return reply  # noqa: TRY300 - an error while setting the metadata fails the call too
        except TamsError as error:
            code = code_of(error).name
            note_error(method, request, error)
            await _abort(context, error)
        except BaseException as error:  # noqa: BLE001 - _end raises what is not an error of the call
            code = _code_name(error)
            await _end(method, context, error)
        finally:
            _log_served(method, code, observation.end(code))

    return call


def _code_name(error: BaseException) -> str:
    """The name of the status of a call that ends with an error other than TamsError."""
    if isinstance(error, asyncio.CancelledError):
        return grpc.StatusCode.CANCELLED.name
    code = grpc.StatusCode.ABORTED if isinstance(error, aio.AbortError) else grpc.StatusCode.INTERNAL
    return code.name


async def _end(method: str, context: Context, error: BaseException) -> NoReturn:
    """Abort the call with INTERNAL, unless it is cancelled or aborted already."""
    if isinstance(error, aio.AbortError) or not isinstance(error, Exception):
        raise error
    # The last resort: log all of it, return no details.
    _log.error("unexpected error", exc_info=error, extra={"method": method})
    await _abort(context, Internal("internal error"))


def _log_served(method: str, code: str, seconds: float) -> None:
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("served", extra={"method": method, "code": code, "ms": round(seconds * 1000, 3)})


def _traceparent(metadata: Metadata) -> str | None:
    for key, value in metadata:
        if key == TRACEPARENT:
            return str(value)
    return None


def _read_metadata(metadata: Metadata) -> None:
    """Set the request id, and how fresh the answer must be, for the current call."""
    for key, value in metadata:
        if key == REQUEST_ID_KEY:
            logs.request_id.set(str(value))
        elif key == NOT_BEFORE_KEY:
            try:
                freshness.not_before.set(freshness.NotBefore.parse(str(value), time.monotonic()))
            except ValueError:
                raise InvalidArgument(f"{key} is malformed", reason="BAD_NOT_BEFORE") from None


def _texts(metadata: Metadata) -> dict[str, str]:
    return {key: value for key, value in metadata if isinstance(value, str)}


async def _abort(context: Context, error: TamsError) -> NoReturn:
    trailers: tuple[tuple[str, bytes], ...] = ((DETAILS_KEY, details_of(error)),)
    if (recent := freshness.recent_rows.get()) is not None:
        trailers = (*trailers, (RECENT_ROWS_KEY, recent.to_bytes()))
    await context.abort(code_of(error), clip(error.summary), trailing_metadata=trailers)
