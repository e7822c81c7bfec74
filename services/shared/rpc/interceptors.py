"""What happens around every call on the server's side."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
from grpc import aio

from services.shared import logs
from services.shared.errors import Internal, TamsError
from services.shared.rpc.status import DETAILS_KEY, clipped, code_of, details_of

REQUEST_ID_KEY = "x-request-id"

_log = logging.getLogger("tams.rpc")

# grpc's handler class is generic in its type stubs only, so it cannot be subscripted at run time.
Handler = Any
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]
Context = aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Context], Awaitable[Any]]


class EdgeInterceptor(aio.ServerInterceptor):
    """Request id, then errors to status, then the log line; one wrapper, made once for each method.

    Streaming calls (health watch, reflection) come from libraries and pass as they are.
    """

    def __init__(self) -> None:
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """The handler of the method, wrapped."""
        method = handler_call_details.method
        if (wrapped := self._wrapped.get(method)) is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        wrapped = grpc.unary_unary_rpc_method_handler(
            _edged(method, handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        self._wrapped[method] = wrapped
        return wrapped


def _edged(method: str, behaviour: Behaviour) -> Behaviour:
    async def call(request: Any, context: Context) -> Any:
        started = time.perf_counter()
        for key, value in context.invocation_metadata() or ():
            if key == REQUEST_ID_KEY:
                logs.request_id.set(str(value))
        try:
            return await behaviour(request, context)
        except TamsError as error:
            await _abort(context, error)
        except aio.AbortError:
            raise
        except Exception:  # noqa: BLE001 - the last resort: log all of it, tell the caller nothing
            _log.exception("unexpected error", extra={"method": method})
            await _abort(context, Internal("internal error"))
        finally:
            if _log.isEnabledFor(logging.DEBUG):
                ms = (time.perf_counter() - started) * 1000
                _log.debug("served", extra={"method": method, "ms": round(ms, 3)})

    return call


async def _abort(context: Context, error: TamsError) -> NoReturn:
    trailers = ((DETAILS_KEY, details_of(error)),)
    await context.abort(code_of(error), clipped(error.summary), trailing_metadata=trailers)
