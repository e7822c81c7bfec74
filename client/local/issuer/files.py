"""The files of the local issuer in the folder of secrets, and the settings that make services trust it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from client.local.errors import CannotRun

ISSUER: Final = "tams-local"
AUDIENCE: Final = "tams"
CLASSES_CLAIM: Final = "classes"


def key_file(secrets: Path) -> Path:
    """The private key, as PEM."""
    return secrets / "token_key.pem"


def public_keys_file(secrets: Path) -> Path:
    """The public key, as a JWKS."""
    return secrets / "token_keys.json"


def make_files(secrets: Path) -> None:
    """Make the files that are missing. CannotRun if that fails.

    It is done in another process, because the runner needs the library only at the first start.
    """
    if key_file(secrets).exists() and public_keys_file(secrets).exists():
        return
    command = (sys.executable, "-P", "-m", "client.local.issuer.signing", str(secrets))
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise CannotRun(f"cannot make a key for tokens: {result.stderr.strip().rpartition(chr(10))[2]}")


def trust(secrets: Path) -> dict[str, str]:
    """The settings of services that accept tokens of this issuer."""
    return {
        "TAMS_AUTH_ISSUER": ISSUER,
        "TAMS_AUTH_AUDIENCE": AUDIENCE,
        "TAMS_AUTH_JWKS": str(public_keys_file(secrets)),
        "TAMS_AUTH_CLASSES_CLAIM": CLASSES_CLAIM,
        "TAMS_AUTH_CLASSES_PREFIX": "",
    }
