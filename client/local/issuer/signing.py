"""Makes the key of the local issuer, and signs tokens with it.

`python -m client.local.issuer.signing SECRETS` makes the files that are missing in a folder.
"""

import hashlib
import json
import os
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.local.errors import CannotRun
from client.local.issuer.files import AUDIENCE, CLASSES_CLAIM, ISSUER, key_file, public_keys_file

_ALGORITHM: Final = "EdDSA"
_SCOPE_PREFIX: Final = "tams-api/"
# What a store accepts for all classes.
ALL: Final = ("*",)
# As many as the store accepts.
_MAX_SUBJECT: Final = 200


def make_token(
    data_dir: Path, *, scopes: Sequence[str], subject: str, minutes: int, classes: Sequence[str] = ALL
) -> str:
    """A JWT for the store of a data directory, by default with all classes.

    ValueError for a bad subject, CannotRun for a bad key.
    """
    if not 0 < len(subject) <= _MAX_SUBJECT or not subject.isprintable():
        raise ValueError(f"a subject has 1 to {_MAX_SUBJECT} characters that can be printed")
    try:
        secrets = data_dir / "secrets"
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        secrets.mkdir(mode=0o700, exist_ok=True)
        key = load_key(secrets)
    except OSError as error:
        raise CannotRun(f"cannot use data directory {data_dir}: {error.strerror}") from None
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "scope": " ".join(f"{_SCOPE_PREFIX}{scope}" for scope in scopes),
        CLASSES_CLAIM: list(classes),
        "iat": now,
        "exp": now + 60 * minutes,
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"kid": _key_id(_x(key))})


def load_key(secrets: Path) -> Ed25519PrivateKey:
    """The key in a folder, made at first use, with its public part beside it. CannotRun if it is damaged."""
    path = key_file(secrets)
    if not path.exists():
        _write_once(path, new_pem())
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise CannotRun(f"{path} is damaged; remove it to make a new key, and restart the store")
    _write_public(public_keys_file(secrets), _public_keys(_x(key)))
    return key


def new_pem() -> bytes:
    """A new key, as PEM."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _x(key: Ed25519PrivateKey) -> str:
    """The public key as its JWK has it (RFC 8037)."""
    return urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()


def _key_id(x: str) -> str:
    """The thumbprint of the key (RFC 7638)."""
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()


def _public_keys(x: str) -> bytes:
    key = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": _key_id(x), "use": "sig", "alg": _ALGORITHM}
    return json.dumps({"keys": [key]}, indent=1).encode() + b"\n"


def _write_once(path: Path, content: bytes) -> None:
    """Make a file that only the owner can read. If another process has made it, that one stays."""
    fresh = _fresh(path, content)
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _write_public(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        _fresh(path, content).replace(path)


def _fresh(path: Path, content: bytes) -> Path:
    """A new file beside another one, with this content."""
    fresh = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    return fresh


if __name__ == "__main__":
    try:
        load_key(Path(sys.argv[1]))
    except (CannotRun, OSError) as error:
        sys.exit(str(error))
