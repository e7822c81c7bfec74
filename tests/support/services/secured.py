"""Metadata, media and the gateway with access control. Tests sign JWTs with a secret that they share."""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import jwt

from services.media import bootstrap as media
from services.media.settings import Settings as MediaSettings
from tests.support.processes.health import until_serving
from tests.support.services.gateway import QUICK
from tests.support.services.metadata import running_metadata
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config

SERVICE_SECRET: Final = "planted-secret-of-the-services-of-this-store"
_HS256_SECRET: Final = "planted-secret-of-the-issuer-of-all-tokens"
ACCESS: Final[dict[str, Any]] = {
    "auth": "required",
    "service_secret": SERVICE_SECRET,
    "issuer": "https://issuer.example",
    "audience": "tams",
    "hs256_secret": _HS256_SECRET,
}


@asynccontextmanager
async def running_secured_services(folder: Path, store: SeaweedFS) -> AsyncIterator[dict[str, Any]]:
    """Metadata and media, both SERVING; yields the settings of a gateway before them."""
    async with running_metadata(folder, **ACCESS) as metadata:
        backend = store.backend(f"tams-{secrets.token_hex(6)}", region="here")
        chosen = MediaSettings(
            metadata_address=f"127.0.0.1:{metadata.port}",
            storage_config=str(write_storage_config(folder / "storage.json", backend)),
            **(QUICK | ACCESS),
        )
        async with media.running(chosen) as served:
            for port in (metadata.port, served.port):
                await until_serving(port)
            yield {
                "metadata_address": f"127.0.0.1:{metadata.port}",
                "media_address": f"127.0.0.1:{served.port}",
                **ACCESS,
            }


def token_of(subject: str, *scopes: str, **claims: Any) -> str:
    """A JWT of a caller with these scopes, which is valid for an hour. `claims` replace its claims."""
    own = {
        "iss": ACCESS["issuer"],
        "aud": ACCESS["audience"],
        "sub": subject,
        "scope": " ".join(f"tams-api/{scope}" for scope in scopes),
        "exp": int(time.time()) + 3600,
    }
    return jwt.encode(own | claims, _HS256_SECRET, "HS256")


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"authorization": f"Bearer {token}"}


def caller(subject: str = "alice", *scopes: str) -> dict[str, str]:
    """The header of a caller; with all scopes but admin if none is given."""
    return bearer(token_of(subject, *(scopes or ("read", "write", "delete"))))
