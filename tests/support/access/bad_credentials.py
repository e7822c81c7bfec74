"""Credentials that no store may accept, by the fault that each of them has."""

import time
from typing import Any

import httpx

from services.shared.access.principal import SYSTEM
from services.shared.access.service_tokens import ServiceTokens
from tests.support.access.issuer import SigningKey, claims, hand_made, new_key, token


def bad_credentials(good: SigningKey) -> dict[str, str | None]:
    """An Authorization header for each fault, None for no header; each would give all scopes otherwise."""
    stranger = new_key(good.id, good.algorithm)
    now, all_scopes = int(time.time()), ("read", "write", "delete", "admin")
    header = {"typ": "JWT", "kid": good.id}
    tokens = {
        "bad signature": token(stranger, *all_scopes),
        "expired": token(good, *all_scopes, iat=now - 7200, exp=now - 3600),
        "not yet valid": token(good, *all_scopes, nbf=now + 3600, exp=now + 7200),
        "wrong audience": token(good, *all_scopes, aud="another-store"),
        "wrong issuer": token(good, *all_scopes, iss="https://another.example"),
        "alg=none": hand_made(header | {"alg": "none"}, claims(*all_scopes)),
        "HS256 with the public key": hand_made(header | {"alg": "HS256"}, claims(*all_scopes), good.pem),
        "unknown kid": token(new_key("unknown", good.algorithm), *all_scopes),
        "no kid": token(good, *all_scopes, headers={"kid": ""}),
        "no expiry": token(good, *all_scopes, exp=None),
        "garbage": "x.y.z",
        "service token": ServiceTokens(b"a secret of another store, and long").make(SYSTEM),
    }
    bearers = {fault: f"Bearer {text}" for fault, text in tokens.items()}
    return {"no credentials": None, "other scheme": "Digest username=alice", **bearers}


def bad_keys(admin: httpx.Client) -> dict[str, str]:
    """An Authorization header for each fault of an API key. `admin` is a client that may make keys."""

    def new_key_text(name: str) -> tuple[str, str]:
        body = {"name": name, "scopes": ["admin"]}
        made: dict[str, Any] = admin.post("/x/api-keys", json=body).raise_for_status().json()
        return f"/x/api-keys/{made['id']}", made["key"]

    revoked, revoked_text = new_key_text("revoked")
    admin.delete(revoked).raise_for_status()
    suspended, suspended_text = new_key_text("suspended")
    admin.put(suspended, json={"suspended": True}).raise_for_status()
    rotated, rotated_text = new_key_text("rotated")
    admin.put(rotated, json={"rotate": True}).raise_for_status()
    texts = {
        "revoked key": revoked_text,
        "suspended key": suspended_text,
        "rotated key": rotated_text,
        "key with another secret": f"{suspended_text[:-4]}0000",
        "unknown key": f"tams_{'0' * 16}_{'0' * 64}",
    }
    return {fault: f"Bearer {text}" for fault, text in texts.items()}
