"""One request from the server to its response: request id, route, handler, errors, CORS."""

import logging
import time
from http import HTTPStatus
from typing import Any, Final

import msgspec

from gateway import errors
from gateway.http import cors
from gateway.http.request_id import request_id
from gateway.http.requests import Request
from gateway.http.responses import JSON, Response
from gateway.http.routing import Router
from services.shared import logs
from services.shared.errors import Internal, TamsError

MAX_QUERY_CHARACTERS: Final = 16_384

_log = logging.getLogger("tams.gateway")


class App:
    """The RSGI application."""

    def __init__(self, router: Router, *, access_log: bool) -> None:
        self._router = router
        self._access_log = access_log

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        started = time.perf_counter()
        own_id = request_id(scope.headers.get("x-request-id"))
        logs.request_id.set(own_id)
        try:
            response = await self._answer(scope, protocol)
        except TamsError as error:
            response = _failed(error)
        except Exception:  # noqa: BLE001 - the last resort: log all of it, tell the client nothing
            _log.exception("unexpected error", extra={"method": scope.method, "path": scope.path})
            response = _failed(Internal("internal error"))
        headers = [("x-request-id", own_id), *cors.EVERYWHERE, *response.headers]
        _send(scope.method, protocol, response, headers)
        if self._access_log:
            _log_access(scope, response, time.perf_counter() - started)

    async def _answer(self, scope: Any, protocol: Any) -> Response:
        route, params = self._router.resolve(scope.path)
        if len(scope.query_string) > MAX_QUERY_CHARACTERS:
            raise errors.QueryTooLong(f"the query is longer than {MAX_QUERY_CHARACTERS} characters")
        method = scope.method
        handler = route.handlers.get(method)
        if handler is None:
            if method == "OPTIONS":
                return cors.preflight(route)
            raise errors.MethodNotAllowed(method, route.allowed)
        return await handler(Request(scope, protocol, route, params), *params)


def _failed(error: TamsError) -> Response:
    status = errors.STATUS[type(error)]
    body = msgspec.json.encode(errors.error_body(error))
    return Response(status, body, (JSON, *errors.headers_of(error, status)))


def _send(method: str, protocol: Any, response: Response, headers: list[tuple[str, str]]) -> None:
    if method == "HEAD" or not response.body:
        if response.status != HTTPStatus.NO_CONTENT:
            headers.append(("content-length", str(len(response.body))))
        protocol.response_empty(response.status, headers)
    else:
        protocol.response_bytes(response.status, headers, response.body)


def _log_access(scope: Any, response: Response, seconds: float) -> None:
    _log.info(
        "served",
        extra={
            "method": scope.method,
            "path": scope.path,
            "status": int(response.status),
            "bytes": len(response.body),
            "ms": round(seconds * 1000, 3),
        },
    )
