"""Listens for the notifications of object storage, over HTTP on a port of its own.

Each POST must carry the token: as a bearer token, or as the password of Basic, which is all that some know.
"""

import asyncio
import base64
import binascii
import hmac
import logging
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from services.media.adapters.storage_events import stored_notices
from services.media.application.notifications import StoredNotice
from services.shared.errors import StartupError, TamsError

Note = Callable[[Sequence[StoredNotice]], Awaitable[int]]

MAX_BODY_BYTES: Final = 1024 * 1024
_MOST_DIGITS: Final = 9
_SHORTEST_TOKEN: Final = 16
_PATIENCE_SECONDS: Final = 5.0
# The most connections at a time; others are closed at once, and senders try again.
_CONNECTIONS: Final = 32
_NOTE_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


@asynccontextmanager
async def listening(note: Note, token: str, host: str, port: int) -> AsyncIterator[int]:
    """Listen until the block ends; the port, which is a free one for 0. StartupError if it is taken."""
    loop = asyncio.get_running_loop()

    def note_and_wait(notices: Sequence[StoredNotice]) -> None:
        async def run() -> int:
            async with asyncio.timeout(_NOTE_SECONDS):
                return await note(notices)

        asyncio.run_coroutine_threadsafe(run(), loop).result()

    try:
        server = _Server((host.strip("[]"), port), token, note_and_wait)
    except OSError as error:
        raise StartupError(f"cannot listen for notifications on {host}:{port}: {error.strerror}") from None
    thread = threading.Thread(target=server.serve_forever, name="notifications", daemon=True)
    thread.start()
    _log.info("listening for notifications", extra={"host": host, "port": server.server_port})
    try:
        yield server.server_port
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


def read_token(file: str, setting: str) -> str:
    """The token in a file that a setting names. StartupError without one of 16 characters or more."""
    try:
        token = Path(file).read_text().strip() if file else ""
    except (OSError, ValueError) as error:
        raise StartupError(f"{setting}: cannot read {file}: {error}") from None
    if len(token) < _SHORTEST_TOKEN:
        raise StartupError(f"set {setting} to a file with a token of {_SHORTEST_TOKEN} characters or more")
    return token


class _Server(ThreadingHTTPServer):
    """A server with a bounded number of connections."""

    block_on_close = False

    def __init__(
        self, address: tuple[str, int], token: str, note: Callable[[Sequence[StoredNotice]], None]
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.token = token.encode()
        self.note = note
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread for the connection, or close it if there are too many."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve the connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, *_: object) -> None:
        """Do without a client that fails; it is no fault of this process."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one POST: 200, or why not. Senders repeat what was not answered with 200."""

    server: _Server
    timeout = _PATIENCE_SECONDS

    def do_POST(self) -> None:
        """Note the objects of the body as stored."""
        self._answer(*self._outcome())

    def _outcome(self) -> tuple[HTTPStatus, str]:
        if not _is_authentic(self.headers.get("Authorization", ""), self.server.token):
            return HTTPStatus.UNAUTHORIZED, "the token is missing or wrong"
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return HTTPStatus.LENGTH_REQUIRED, "there is no Content-Length"
        if len(length) > _MOST_DIGITS or int(length) > MAX_BODY_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {MAX_BODY_BYTES} bytes"
        try:
            notices = stored_notices(self.rfile.read(int(length)))
        except ValueError as error:
            return HTTPStatus.BAD_REQUEST, f"the body is not a notification of S3: {error}"
        return self._note(notices)

    def _note(self, notices: Sequence[StoredNotice]) -> tuple[HTTPStatus, str]:
        try:
            self.server.note(notices)
        except (TamsError, TimeoutError) as error:
            _log.warning("cannot note stored objects", extra={"reason": str(error), "objects": len(notices)})
            return HTTPStatus.SERVICE_UNAVAILABLE, "try again later"
        return HTTPStatus.OK, ""

    def _answer(self, status: HTTPStatus, text: str) -> None:
        body = f"{text}\n".encode() if text else b""
        self.send_response(status)
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Basic, Bearer")
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def _is_authentic(header: str, token: bytes) -> bool:
    scheme, _, credentials = header.partition(" ")
    given = credentials.strip().encode()
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given, token)
