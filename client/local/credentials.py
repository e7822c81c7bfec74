"""The object storage's keys, made at the first start, and the files that tell both sides of them."""

import json
import os
import secrets
import uuid
from pathlib import Path
from typing import Final

from client.local.data_dir import DataDir
from client.local.errors import CannotRun

BUCKET: Final = "tams"


def identities(data_dir: DataDir) -> Path:
    """The file that tells object storage whom to let in; makes the keys at the first call."""
    credential = {
        "accessKey": _key(data_dir.secrets / "access_key", 20),
        "secretKey": _key(data_dir.secrets / "secret_key", 40),
    }
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "tams", "credentials": [credential], "actions": actions}
    return _written(data_dir.secrets / "identities.json", json.dumps({"identities": [identity]}))


def storage_config(data_dir: DataDir, s3_port: int) -> Path:
    """The file that tells the media service of its one backend; the backend's id stays the same."""
    backend = {
        "id": _backend_id(data_dir.storage_config),
        "label": "local",
        "provider": "local",
        "store_product": "SeaweedFS",
        "default_storage": True,
        "endpoint_url": f"http://127.0.0.1:{s3_port}",
        "bucket": BUCKET,
        "access_key_file": str(data_dir.secrets / "access_key"),
        "secret_key_file": str(data_dir.secrets / "secret_key"),
        "create_bucket": True,
        # Only this machine can reach it, so any page that is opened here may.
        "cors_origins": ["*"],
    }
    return _written(data_dir.storage_config, json.dumps([backend], indent=1) + "\n")


def _backend_id(config: Path) -> str:
    """The id that stored objects are known by, so a file that lost it must not get another."""
    if not config.exists():
        return str(uuid.uuid4())
    try:
        return str(json.loads(config.read_text())[0]["id"])
    except (ValueError, LookupError, TypeError):
        raise CannotRun(f"{config} does not name the storage backend any more; restore it") from None


def _key(path: Path, length: int) -> str:
    if not path.exists():
        _written(path, secrets.token_hex(length // 2))
    return path.read_text()


def _written(path: Path, text: str) -> Path:
    """The file with this text, whole or not at all, for the owner alone."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return fresh.replace(path)
