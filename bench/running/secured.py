"""Metadata and a gateway with access control or TLS, and the credentials of a caller."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.running import processes
from bench.running.processes import Process
from bench.running.system import running_metadata
from tests.support.access.authority import Authority
from tests.support.processes.ports import free_ports

_ISSUER: Final = "https://issuer.example"
_AUDIENCE: Final = "tams"
_KEY_ID: Final = "bench"
_JSON: Final = {"content-type": "application/json"}


@dataclass(frozen=True)
class Pair:
    """The processes that serve reads of flows. `token` is a JWT of a caller, empty without access control."""

    gateway: Process
    metadata: Process
    token: str = ""
    # The file with the authority of the gateway's certificate; empty if it speaks plain HTTP.
    authorities: str = ""

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"{'https' if self.authorities else 'http'}://127.0.0.1:{self.gateway.port}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    def client(self) -> httpx.AsyncClient:
        """A client of the API with these headers."""
        trusted = ssl.create_default_context(cafile=self.authorities) if self.authorities else True
        return httpx.AsyncClient(
            base_url=self.url, headers=self.headers, verify=trusted, trust_env=False, timeout=60
        )

    async def put_flows(self, documents: Mapping[str, bytes]) -> None:
        """Store flows, whose documents are given by id."""
        async with self.client() as client:
            for flow_id, document in documents.items():
                put = await client.put(f"/flows/{flow_id}", content=document, headers=_JSON)
                put.raise_for_status()


@asynccontextmanager
async def running_pair(
    folder: Path,
    *,
    secured: bool = False,
    https: bool = False,
    mutual: bool = False,
    collector: str = "",
) -> AsyncIterator[Pair]:
    """Metadata and a gateway on a new database in the folder.

    They have access control if `secured`, HTTPS towards clients, and mutual TLS between each other. With the
    URL of a collector they send traces there, and serve metrics.
    """
    env, token = await asyncio.to_thread(_prepare, folder, secured=secured)
    authority = await asyncio.to_thread(Authority, folder)
    issued = authority.issue("pair")
    env |= authority.environment(issued) if mutual else {}
    own = (
        {"TAMS_GATEWAY_TLS_CERT": str(issued.cert), "TAMS_GATEWAY_TLS_KEY": str(issued.key)} if https else {}
    )
    port, *metrics_ports = free_ports(3)
    observed = [_observed(collector, number) for number in metrics_ports]
    async with running_metadata(folder, {**env, **observed[0]}) as metadata:
        with ExitStack() as stack:
            address = f"127.0.0.1:{metadata.port}"
            gateway_env = {
                "TAMS_GATEWAY_PORT": str(port), "TAMS_GATEWAY_METADATA_ADDRESS": address,
                **env, **own, **observed[1],
            }  # fmt: skip
            gateway = stack.enter_context(
                processes.running("gateway", port, ["gateway"], folder, gateway_env)
            )
            await gateway.listening()
            yield Pair(gateway, metadata, token, str(authority.file) if https else "")


def _observed(collector: str, port: int) -> dict[str, str]:
    """The settings of a process that is observed as in production; none without a collector."""
    if not collector:
        return {}
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "TAMS_METRICS_PORT": str(port),
        "TAMS_TRACE_RATIO": "0.01",
    }


def _prepare(folder: Path, *, secured: bool) -> tuple[dict[str, str], str]:
    """Make the folder; the settings of the processes and the token of a caller."""
    folder.mkdir()
    return _access(folder) if secured else ({}, "")


def _access(folder: Path) -> tuple[dict[str, str], str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"keys": [public | {"kid": _KEY_ID, "alg": "RS256", "use": "sig"}]}))
    env = {
        "TAMS_AUTH": "required",
        "TAMS_AUTH_SERVICE_SECRET": "a secret that the processes of a benchmark share",
        "TAMS_AUTH_ISSUER": _ISSUER,
        "TAMS_AUTH_AUDIENCE": _AUDIENCE,
        "TAMS_AUTH_JWKS": str(keys),
    }
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": "bench",
        "scope": "tams-api/admin",
        "exp": int(time.time()) + 24 * 3600,
    }
    return env, jwt.encode(claims, key, "RS256", headers={"kid": _KEY_ID})
