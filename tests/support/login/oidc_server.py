"""An OIDC server on a real socket: discovery, client credentials, device authorization, refresh, revocation.

It signs its tokens with EdDSA, so that a store can check them. Refresh tokens are valid for one use.
"""

import json
import secrets
import ssl
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PERSON = "tams-cli"
ROBOT = "robot"
ROBOT_SECRET = "a secret: 100% +/&"
AUDIENCE = "tams"
_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"

Answer = tuple[int, dict[str, object]]


@dataclass
class OidcServer:
    """The state of a server. Tests change it between requests."""

    issuer: str
    lifetime: int | None = 3600
    scope: str = "tams-api/read"
    interval: float = 0.1
    gives_refresh_tokens: bool = True
    methods: list[str] = field(default_factory=lambda: ["client_secret_basic", "client_secret_post"])
    has_devices: bool = True
    # Errors that the token endpoint answers with, in turn, before it works.
    errors: list[str] = field(default_factory=list)
    # The status of every answer, where it is not the usual one, and the target of a redirect.
    status: int = 0
    location: str = ""
    # The path and the form of each request.
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    refresh_tokens: set[str] = field(default_factory=set)
    revoked: list[str] = field(default_factory=list)
    devices: dict[str, str] = field(default_factory=dict)
    allowed: set[str] = field(default_factory=set)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def allow(self) -> None:
        """A person allows all logins that wait."""
        self.allowed |= set(self.devices)

    def grants(self) -> list[str]:
        """The grant type of each request to the token endpoint."""
        return [form["grant_type"] for path, form in self.requests if path == "/token"]

    def discovery(self) -> dict[str, object]:
        document: dict[str, object] = {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint": f"{self.issuer}/token",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "token_endpoint_auth_methods_supported": self.methods,
        }
        if self.has_devices:
            document["device_authorization_endpoint"] = f"{self.issuer}/device"
        return document

    def jwks(self) -> dict[str, object]:
        key = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**key, "kid": "1", "alg": "EdDSA", "use": "sig"}]}

    def token(self, form: dict[str, str], client: str) -> Answer:  # noqa: PLR0911 - one for each grant
        """The answer of the token endpoint to an authenticated client."""
        if self.errors:
            return _error(self.errors.pop(0))
        kind = form.get("grant_type")
        if kind == "client_credentials" and client == ROBOT:
            return self._issued(client, with_refresh=False)
        if kind == "refresh_token":
            if form["refresh_token"] not in self.refresh_tokens:
                return _error("invalid_grant")
            self.refresh_tokens.remove(form["refresh_token"])
            return self._issued(client)
        if kind == _DEVICE_CODE:
            if form["device_code"] not in self.devices:
                return _error("expired_token")
            return (
                self._issued(client)
                if form["device_code"] in self.allowed
                else _error("authorization_pending")
            )
        return _error("unsupported_grant_type")

    def device(self) -> Answer:
        code, user_code = secrets.token_urlsafe(16), f"WXYZ-{len(self.devices):04}"
        self.devices[code] = user_code
        page = f"{self.issuer}/activate"
        return 200, {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={user_code}",
            "expires_in": 600,
            "interval": self.interval,
        }

    def _issued(self, subject: str, *, with_refresh: bool = True) -> Answer:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": subject,
            "scope": self.scope,
            "exp": now + (self.lifetime or 3600),
            "jti": secrets.token_hex(8),
        }
        token = jwt.encode(claims, self.key, algorithm="EdDSA", headers={"kid": "1"})
        answer: dict[str, object] = {"access_token": token, "token_type": "bearer"}
        if self.lifetime is not None:
            answer["expires_in"] = self.lifetime
        if with_refresh and self.gives_refresh_tokens:
            refresh_token = secrets.token_urlsafe(24)
            self.refresh_tokens.add(refresh_token)
            answer["refresh_token"] = refresh_token
        return 200, answer


@contextmanager
def oidc_server(certificate: Path | None = None) -> Iterator[OidcServer]:
    """A server on a free port of this machine; https with a file that has a certificate and its key."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    scheme = "http"
    if certificate:
        scheme = "https"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    http.oidc = server = OidcServer(f"{scheme}://127.0.0.1:{http.server_port}")  # type: ignore[attr-defined]
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _error(code: str, status: int = 400) -> Answer:
    return status, {"error": code, "error_description": f"the server says {code}"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _oidc(self) -> OidcServer:
        server: OidcServer = self.server.oidc  # type: ignore[attr-defined]
        return server

    def do_GET(self) -> None:
        documents = {
            "/.well-known/openid-configuration": self._oidc.discovery,
            "/jwks": self._oidc.jwks,
        }
        make = documents.get(self.path)
        self._answer((200, make()) if make else _error("not_found", 404))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        oidc = self._oidc
        with oidc.lock:
            oidc.requests.append((self.path, form))
            client = self._client(form)
            if client is None:
                return self._answer(_error("invalid_client", 401))
            if self.path == "/device":
                return self._answer(oidc.device())
            if self.path == "/revoke":
                oidc.revoked.append(form["token"])
                oidc.refresh_tokens.discard(form["token"])
                return self._answer((200, {}))
            return self._answer(oidc.token(form, client))

    def _client(self, form: dict[str, str]) -> str | None:
        """The client of a request; None if its secret is wrong."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            client, _, secret = b64decode(value).decode().partition(":")
            client, secret = unquote_plus(client), unquote_plus(secret)
        else:
            client, secret = form.get("client_id", ""), form.get("client_secret", "")
        method = "client_secret_basic" if scheme == "Basic" else "client_secret_post"
        if client == ROBOT:
            return client if secret == ROBOT_SECRET and method in self._oidc.methods else None
        return client if client == PERSON and not secret else None

    def _answer(self, answer: Answer) -> None:
        status, document = answer
        body = json.dumps(document).encode()
        self.send_response(self._oidc.status or status)
        if self._oidc.location:
            self.send_header("Location", self._oidc.location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parameter's own name
        pass
