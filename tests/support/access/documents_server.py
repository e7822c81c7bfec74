"""An HTTP server for the documents of an issuer, which a test changes while it runs."""

import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Documents:
    """The documents by path. `raw` has whole answers by path, for those that are no HTTP."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.raw: dict[str, bytes] = {}
        self.reads: Counter[str] = Counter()
        # Answers wait while this is not set.
        self.open = threading.Event()
        self.open.set()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Write nothing. Clients end handshakes with servers that they do not trust."""


@contextmanager
def running_documents(certificate: Path | None = None) -> Iterator[Documents]:
    """A server on loopback, with TLS if there is a file with a certificate and its key."""
    documents = Documents()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            documents.reads[self.path] += 1
            documents.open.wait()
            if (raw := documents.raw.get(self.path)) is not None:
                self.wfile.write(raw)
                return
            body = documents.bodies.get(self.path, b"")
            if self.path in documents.redirects:
                self.send_response(302)
                self.send_header("Location", documents.redirects[self.path])
            else:
                self.send_response(200 if self.path in documents.bodies else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the library
            """Write nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    documents.url = f"http://127.0.0.1:{server.server_address[1]}"
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        # The handshake is made by the thread of each connection.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        documents.url = documents.url.replace("http:", "https:")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield documents
    finally:
        documents.open.set()
        server.shutdown()
        server.server_close()
        thread.join()
