"""The access keys that a running SeaweedFS knows, which tests change."""

import json
import os
import signal

from tests.support.storage.seaweedfs import SeaweedFS

Pair = tuple[str, str]


def set_keys(store: SeaweedFS, *pairs: Pair) -> None:
    """Let the store know these access keys with their secrets and no others, a moment after the call."""
    file = store.secrets / "identities.json"
    document = json.loads(file.read_text())
    document["identities"][0]["credentials"] = [
        {"accessKey": access, "secretKey": secret} for access, secret in pairs
    ]
    file.write_text(json.dumps(document))
    os.kill(store.pid, signal.SIGHUP)


def add_limited_key(store: SeaweedFS, pair: Pair, bucket: str, prefix: str) -> None:
    """Let the store know a key that may only read, write and delete objects below a prefix of a bucket."""
    file = store.secrets / "identities.json"
    document = json.loads(file.read_text())
    access, secret = pair
    limited = {
        "name": "limited",
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": [f"{action}:{bucket}/{prefix}*" for action in ("Read", "Write")],
    }
    document["identities"] = [*document["identities"], limited]
    file.write_text(json.dumps(document))
    os.kill(store.pid, signal.SIGHUP)
