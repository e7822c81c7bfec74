"""The keys and the certificate of object storage, made at the first start, and files that hold them."""

import json
import os
import secrets
import ssl
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Final

from client.local.data_dir import DataDir
from client.local.errors import CannotRun
from client.local.storage.addresses import StorageAddresses

BUCKET: Final = "tams"


def identities(data_dir: DataDir) -> Path:
    """The file of S3 identities for object storage; makes the keys at the first call."""
    credential = {
        "accessKey": _key(data_dir.secrets / "access_key", 20),
        "secretKey": _key(data_dir.secrets / "secret_key", 40),
    }
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "tams", "credentials": [credential], "actions": actions}
    return _write(data_dir.secrets / "identities.json", json.dumps({"identities": [identity]}))


def certificate(data_dir: DataDir) -> Path:
    """The file with the certificate and key that parts of object storage use among themselves.

    Makes them if they are missing or damaged; nothing stored depends on them. CannotRun if that fails.
    """
    path = data_dir.secrets / "certificate.pem"
    if not _is_certificate(path):
        command = (sys.executable, "-P", "-m", "client.local.storage.certificate")
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            reason = result.stderr.strip().rpartition("\n")[2]
            raise CannotRun(f"cannot make a certificate for object storage: {reason}")
        _write(path, result.stdout)
    return path


def _is_certificate(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, password="")
    except OSError:
        return False
    return True


def storage_config(data_dir: DataDir, addresses: StorageAddresses) -> Path:
    """The storage configuration of the media service, with one backend; the backend's id stays the same."""
    backend = {
        "id": _backend_id(data_dir.storage_config),
        "label": "local",
        "provider": "local",
        "store_product": "SeaweedFS",
        "default_storage": True,
        "endpoint_url": addresses.endpoint,
        "public_endpoint_url": addresses.public,
        "bucket": BUCKET,
        "access_key_file": str(data_dir.secrets / "access_key"),
        "secret_key_file": str(data_dir.secrets / "secret_key"),
        "create_bucket": True,
        # Nothing in it is open without a signed URL, so every web page may use those.
        "cors_origins": ["*"],
    }
    return _write(data_dir.storage_config, json.dumps([backend], indent=1) + "\n")


def _backend_id(config: Path) -> str:
    """The id of the backend. CannotRun if the file has lost it: stored objects refer to it."""
    if not config.exists():
        return str(uuid.uuid4())
    try:
        return str(json.loads(config.read_text())[0]["id"])
    except (ValueError, LookupError, TypeError):
        raise CannotRun(f"{config} does not name the storage backend; restore it from a backup") from None


def _key(path: Path, length: int) -> str:
    if not path.exists():
        _write(path, secrets.token_hex(length // 2))
    return path.read_text()


def _write(path: Path, text: str) -> Path:
    """Replace the file by one with this text, readable for the owner only; returns its path."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return fresh.replace(path)
