"""A whole store with TAMS_AUTH=required: every part in its own process, as operators run it."""

import os
import secrets
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.access.issuer import AUDIENCE, CLASSES_CLAIM, ISSUER, SigningKey, jwks, new_key, token
from tests.support.processes.ports import free_ports
from tests.support.processes.system import READY_SECONDS, poll
from tests.support.services.engine import ENGINE
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config

PARTS = ("metadata", "media", "analytics", "events", "gateway")
STOP_SECONDS = 30


@dataclass
class SecuredStore:
    """The ports of the parts, the key of the issuer, and the secret that the parts share."""

    folder: Path
    ports: Mapping[str, int]
    key: SigningKey
    service_secret: str
    # The authority of the gateway's certificate; None if it speaks plain HTTP.
    authority: Path | None = None
    env: dict[str, str] = field(repr=False, default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(repr=False, default_factory=dict)

    @property
    def url(self) -> str:
        """The address of the API."""
        scheme = "http" if self.authority is None else "https"
        return f"{scheme}://127.0.0.1:{self.ports['gateway']}"

    @property
    def trusted(self) -> ssl.SSLContext:
        """The context of clients of the API."""
        return ssl.create_default_context(cafile=self.authority)

    def bearer(self, *scopes: str, **claims: Any) -> dict[str, str]:
        """The header of a caller with these scopes; `claims` replace those of its token."""
        return {"authorization": f"Bearer {token(self.key, *scopes, **claims)}"}

    def client(self, *scopes: str, **claims: Any) -> httpx.AsyncClient:
        """A client of the API with these scopes; `claims` replace those of its token."""
        headers = self.bearer(*scopes, **claims)
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, verify=self.trusted, trust_env=False, timeout=60
        )

    def log(self, name: str) -> str:
        """The output of a part until now."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    @property
    def jwks_file(self) -> Path:
        """The file with the keys of the issuer, which the parts read."""
        return self.folder / "jwks.json"

    def start(self, name: str, **env: str) -> None:
        """Start a part. It need not answer yet."""
        module = "gateway" if name.startswith("gateway") else f"services.{name}"
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", module],
                env={**self.env, **env},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def end(self, name: str) -> None:
        """Stop one part."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """Stop all parts, gateways first."""
        for name in reversed(list(self.processes)):
            self.end(name)


def until_healthy(url: str, store: SecuredStore) -> None:
    """Wait until a gateway reports that every part can serve. AssertionError if a part ends."""

    def healthy() -> bool:
        for name, process in store.processes.items():
            assert process.poll() is None, f"{name} ended: {store.log(name)}"
        try:
            answer = httpx.get(f"{url}/health", timeout=5, trust_env=False, verify=store.trusted)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    poll(healthy, READY_SECONDS)


@contextmanager
def running_secured_store(
    folder: Path, objects: SeaweedFS, authority: Path | None = None, **env: str
) -> Iterator[SecuredStore]:
    """A store that is ready for requests; `env` adds settings of all its parts.

    With the file of an authority the gateway speaks HTTPS; its certificate is in `env`.
    """
    key = new_key("first")
    store = SecuredStore(
        folder, dict(zip(PARTS, free_ports(len(PARTS)), strict=True)), key, secrets.token_hex(32), authority
    )
    store.jwks_file.write_bytes(jwks(key))
    store.env = {**_environment(store, objects), **env}
    with ExitStack() as stack:
        stack.callback(store.stop)
        for name in PARTS:
            store.start(name)
        until_healthy(store.url, store)
        yield store


def _environment(store: SecuredStore, objects: SeaweedFS) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TAMS_")}
    config = write_storage_config(
        store.folder / "storage.json", objects.backend(f"tams-{secrets.token_hex(6)}", region="here")
    )
    secret_file = store.folder / "service_secret"
    secret_file.touch(mode=0o600)
    secret_file.write_text(store.service_secret)
    return {
        **inherited,
        **ENGINE.environment(store.folder),
        **{f"TAMS_{name.upper()}_PORT": str(port) for name, port in store.ports.items()},
        **{f"TAMS_{name.upper()}_DRAIN_SECONDS": "0" for name in PARTS},
        **{
            f"TAMS_{name.upper()}_{peer.upper()}_ADDRESS": f"127.0.0.1:{store.ports[peer]}"
            for name, peers in _PEERS.items()
            for peer in peers
        },
        "TAMS_MEDIA_STORAGE_CONFIG": str(config),
        "TAMS_WEBHOOK_NETWORKS": "127.0.0.0/8",
        # A deletion that takes more than one slice is answered with 202 and the place of its request.
        "TAMS_METADATA_DELETION_BUDGET_SECONDS": "0",
        "TAMS_GATEWAY_ADMIN": "true",
        "TAMS_GATEWAY_CHECK_UPLOADS": "true",
        "TAMS_GATEWAY_ACCESS_LOG": "true",
        "TAMS_LOG_LEVEL": "debug",
        # All traces are recorded, and sent soon, if a test names a collector.
        "TAMS_TRACE_RATIO": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "TAMS_METRICS_OTLP": "true",
        "TAMS_LOG_FORMAT": "json",
        "TAMS_AUTH": "required",
        "TAMS_AUTH_SERVICE_SECRET_FILE": str(secret_file),
        "TAMS_AUTH_ISSUER": ISSUER,
        "TAMS_AUTH_AUDIENCE": AUDIENCE,
        "TAMS_AUTH_JWKS": str(store.jwks_file),
        "TAMS_AUTH_CLASSES_CLAIM": CLASSES_CLAIM,
    }


_PEERS = {
    "media": ("metadata",),
    "analytics": ("metadata",),
    "events": ("metadata", "media"),
    "gateway": ("metadata", "media", "analytics", "events"),
}
