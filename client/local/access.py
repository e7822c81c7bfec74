"""Access control of a local store: the settings that all its services share, and the secret in its folder."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from client.local.data_dir import DataDir
from client.local.issuer import files
from client.local.names import AUTH
from client.local.settings import LocalSettings

# With one of these the user has an issuer, and the store does not trust the local one.
_ISSUER: Final = (
    "TAMS_AUTH_ISSUER",
    "TAMS_AUTH_AUDIENCE",
    "TAMS_AUTH_JWKS",
    "TAMS_AUTH_HS256_SECRET",
    "TAMS_AUTH_HS256_SECRET_FILE",
)
_SECRET: Final = "TAMS_AUTH_SERVICE_SECRET"  # noqa: S105 - the name of a variable
_SECRET_FILE: Final = f"{_SECRET}_FILE"


def shared_settings(settings: LocalSettings, data_dir: DataDir) -> Mapping[str, str]:
    """The settings of every service, empty without access control. Makes missing secrets. CannotRun."""
    if not settings.auth:
        return {}
    given = settings.access
    chosen = {AUTH: "required"}
    if _SECRET not in given and _SECRET_FILE not in given:
        chosen[_SECRET_FILE] = str(_service_secret(data_dir.secrets / "service_secret"))
    if uses_local_issuer(settings):
        files.make_files(data_dir.secrets)
        chosen |= files.trust(data_dir.secrets)
    return {**given, **chosen}


def uses_local_issuer(settings: LocalSettings) -> bool:
    """True if the store accepts the tokens of `tams token`."""
    return settings.auth and not any(name in settings.access for name in _ISSUER)


def _service_secret(path: Path) -> Path:
    """The file of the secret with which the services sign their calls; made at the first start."""
    if not path.exists():
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        fresh.replace(path)
    return path
