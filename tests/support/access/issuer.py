"""An issuer of JWTs with keys of every kind, which also makes tokens that no issuer should."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ISSUER: Final = "https://issuer.example"
AUDIENCE: Final = "tams-tests"
CLASSES_CLAIM: Final = "classes"


class SigningKey(NamedTuple):
    """A private key with its id and its algorithm."""

    id: str
    algorithm: str
    private: PrivateKey

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as a JWK."""
        return {**_public_jwk(self.private), "kid": self.id, "alg": self.algorithm, "use": "sig"}

    @property
    def pem(self) -> bytes:
        """The public key as text."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def new_key(key_id: str, algorithm: str = "ES256") -> SigningKey:
    """A new key for RS256, ES256, ES384 or EdDSA."""
    match algorithm:
        case "RS256":
            return SigningKey(key_id, algorithm, rsa.generate_private_key(65537, 2048))
        case "ES384":
            return SigningKey(key_id, algorithm, ec.generate_private_key(ec.SECP384R1()))
        case "EdDSA":
            return SigningKey(key_id, algorithm, ed25519.Ed25519PrivateKey.generate())
    return SigningKey(key_id, algorithm, ec.generate_private_key(ec.SECP256R1()))


def jwks(*keys: SigningKey) -> bytes:
    """The document with the public keys."""
    return json.dumps({"keys": [key.jwk for key in keys]}).encode()


def claims(*scopes: str, **changes: Any) -> dict[str, Any]:
    """The claims of a token for all classes, valid for ten minutes. A claim that is None is left out."""
    now = int(time.time())
    all_claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "iat": now,
        "exp": now + 600,
        "scope": " ".join(f"tams-api/{scope}" for scope in scopes),
        CLASSES_CLAIM: ["*"],
    } | changes
    return {name: value for name, value in all_claims.items() if value is not None}


def token(key: SigningKey, *scopes: str, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token with these scopes, signed with a key; `changes` are claims."""
    header = {"kid": key.id} | (headers or {})
    return jwt.encode(claims(*scopes, **changes), key.private, algorithm=key.algorithm, headers=header)


def hand_made(header: dict[str, Any], payload: dict[str, Any], secret: bytes | None = None) -> str:
    """A token whose header need not fit to its signature: HMAC-SHA256 with the secret, or none."""
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, payload))
    signature = hmac.digest(secret, signed.encode(), hashlib.sha256) if secret is not None else b""
    return f"{signed}.{encoded(signature)}"


def encoded(data: bytes) -> str:
    """Bytes as unpadded base64url."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _public_jwk(private: PrivateKey) -> dict[str, Any]:
    if isinstance(private, rsa.RSAPrivateKey):
        return dict(RSAAlgorithm.to_jwk(private.public_key(), as_dict=True))
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return dict(ECAlgorithm.to_jwk(private.public_key(), as_dict=True))
    return dict(OKPAlgorithm.to_jwk(private.public_key(), as_dict=True))
