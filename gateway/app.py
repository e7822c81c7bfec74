"""One request from the server to its response: request id, trace, route, handler, errors, CORS."""

import logging
from http import HTTPStatus
from typing import Final

import msgspec

from gateway import errors
from gateway.admission import Admission
from gateway.http import cors
from gateway.http.origins import READS, Origins
from gateway.http.requests import Request
from gateway.http.responses import JSON, Response
from gateway.http.routing import Router
from gateway.http.rsgi import Protocol, RawHeader, Scope, raw_headers
from gateway.http.wire import framing
from gateway.http.wire.connections import Connections
from gateway.http.wire.outgoing import SMALL_BYTES
from gateway.observation import Observation, ObservedRequests
from services.shared.access import caller
from services.shared.errors import Internal, TamsError
from services.shared.process.telemetry import Telemetry

MAX_QUERY_CHARACTERS: Final = 16_384
# Of the body of a request that is refused: more than the largest limit of a body.
_DISCARDED_BYTES: Final = 32 * 1024 * 1024
_DISCARDING_SECONDS: Final = 5.0
_ADMINISTRATION: Final = "/x/admin/"
_BODILESS: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_FIRST_ERROR: Final = int(HTTPStatus.BAD_REQUEST)
_EVERYWHERE: Final = raw_headers(cors.EVERYWHERE)

_log = logging.getLogger(__name__)


class App:
    """The RSGI application: finds the route, calls its handler, turns errors into responses."""

    def __init__(
        self,
        router: Router,
        origins: Origins,
        connections: Connections,
        admission: Admission | None = None,
        *,
        telemetry: Telemetry,
        access_log: bool,
    ) -> None:
        """`admission` is None for a store that has neither access control nor limits, and gets none."""
        self._requests = ObservedRequests(telemetry)
        self._router = router
        self._admission = admission
        self._origins = origins
        self._connections = connections
        # It may change at any time.
        self.access_log = access_log

    async def __rsgi__(self, scope: Scope, protocol: Protocol) -> None:
        """Answer one request."""
        observation = self._requests.begin(scope)
        try:
            await self._serve(scope, protocol, observation)
        finally:
            observation.close()

    async def _serve(self, scope: Scope, protocol: Protocol, observation: Observation) -> None:
        self._connections.active_scopes.add(scope)
        try:
            response = await self._answer(scope, protocol, observation)
            if response.held_bytes > SMALL_BYTES:
                self._reserve(scope, response)
        except TamsError as error:
            response = _error_response(error)
        except Exception:  # noqa: BLE001 - the last resort: log all of it, return no details
            _log.exception("unexpected error", extra={"method": scope.method, "path": scope.path})
            response = _error_response(Internal("internal error"))
        finally:
            self._connections.active_scopes.discard(scope)
        headers = [(b"x-request-id", observation.id.encode()), *_EVERYWHERE, *raw_headers(response.headers)]
        _send(scope.method, protocol, response, headers)
        seconds = observation.end(scope, response.status)
        if self.access_log:
            _log_access(scope, response, seconds)
        if response.status >= _FIRST_ERROR:
            await protocol.discard_rest(_DISCARDED_BYTES, _DISCARDING_SECONDS)

    def _reserve(self, scope: Scope, response: Response) -> None:
        """Count the bytes of the response. Unavailable if unread responses leave no room for them."""
        if scope.method != "HEAD":
            # A write has already taken effect, so its client must get the response.
            must_send = response.must_send or scope.method not in READS
            self._connections.reserve(scope.connection, response.held_bytes, must_send=must_send)

    async def _answer(self, scope: Scope, protocol: Protocol, observation: Observation) -> Response:
        framing.check(scope)
        route, params = self._router.resolve(scope.raw_path)
        observation.route = route.template
        if len(scope.query_string) > MAX_QUERY_CHARACTERS:
            raise errors.QueryTooLong(f"the query is longer than {MAX_QUERY_CHARACTERS} characters")
        method = scope.method
        handler = route.handlers.get(method)
        request = Request(scope, protocol, route, params)
        if handler is None:
            if method == "OPTIONS":
                return cors.preflight(route, scope.headers, may_write=self._origins.may_write(request))
            raise errors.MethodNotAllowed(method, route.allowed)
        if self._admission is not None:
            await self._admission.admit(request)
        # Administration has a gate of its own, which refuses web pages of every origin.
        if method not in READS and not route.template.startswith(_ADMINISTRATION):
            self._origins.check(request)
        in_progress = None if self._admission is None else self._admission.in_progress
        if in_progress is None or not route.scopes:
            return await handler(request, *params)
        with in_progress.request_of(caller.principal.get().name):
            return await handler(request, *params)


def _error_response(error: TamsError) -> Response:
    status = errors.STATUS[type(error)]
    body = msgspec.json.encode(errors.error_body(error))
    return Response(status, body, (JSON, *errors.error_headers(error, status)))


def _send(method: str, protocol: Protocol, response: Response, headers: list[RawHeader]) -> None:
    size = response.size
    if method == "HEAD" or not size:
        if response.status not in _BODILESS:
            headers.append((b"content-length", str(size).encode()))
        protocol.response_empty(response.status, headers)
    elif response.file is not None:
        headers.append((b"content-length", str(size).encode()))
        protocol.response_file(response.status, headers, str(response.file.path))
    else:
        protocol.response_bytes(response.status, headers, response.body)


def _log_access(scope: Scope, response: Response, seconds: float) -> None:
    _log.info(
        "served",
        extra={
            "method": scope.method,
            "path": scope.path,
            "status": int(response.status),
            "bytes": response.size,
            "ms": round(seconds * 1000, 3),
        },
    )
