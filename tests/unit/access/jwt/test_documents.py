import json
from typing import Any

import pytest

from services.access.jwt.documents import jwks_uri, parse_keys
from tests.support.access.issuer import encoded, jwks, new_key


def document(*entries: object) -> bytes:
    return json.dumps({"keys": entries}).encode()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_keys_of_each_kind_are_found_by_their_id(algorithm: str) -> None:
    found = parse_keys(jwks(new_key("a", algorithm), new_key("b", algorithm)))
    assert {name: key.algorithm_name for name, key in found.items()} == {"a": algorithm, "b": algorithm}


def test_the_kind_decides_about_the_algorithm_if_none_is_named() -> None:
    keys = {algorithm: new_key(algorithm, algorithm) for algorithm in ("RS256", "ES256", "EdDSA")}
    entries = [{name: value for name, value in key.jwk.items() if name != "alg"} for key in keys.values()]
    assert {name: key.algorithm_name for name, key in parse_keys(document(*entries)).items()} == {
        name: name for name in keys
    }


GOOD = new_key("good").jwk


@pytest.mark.parametrize(
    "entry",
    [
        GOOD | {"use": "enc"},
        GOOD | {"alg": "none"},
        GOOD | {"alg": "HS256"},
        GOOD | {"alg": "RS256"},
        GOOD | {"alg": 5},
        GOOD | {"kty": "new"},
        GOOD | {"x": "!"},
        GOOD | {"x": encoded(bytes(32)), "y": encoded(bytes(32))},
        GOOD | {"crv": "P-999"},
        {"kty": "oct", "k": encoded(bytes(32)), "alg": "HS256"},
        {"kty": "OKP", "crv": "X25519", "x": encoded(bytes(32))},
        {"kty": "OKP", "crv": "Ed25519", "x": "short"},
        {"kty": "RSA", "n": 5, "e": "AQAB"},
        {"kty": "RSA"},
        {"kty": ["RSA"]},
        {},
        new_key("other", "ES384").jwk,
    ],
)
def test_keys_of_other_kinds_are_left_out(entry: dict[str, Any]) -> None:
    assert parse_keys(document(entry | {"kid": "odd"}, GOOD)).keys() == {"good"}


def test_a_key_without_an_id_has_its_place_as_one() -> None:
    entry = {name: value for name, value in GOOD.items() if name != "kid"}
    assert parse_keys(document(entry)).keys() == {"0"}


def test_a_private_key_is_refused() -> None:
    with pytest.raises(ValueError, match="private key"):
        parse_keys(document(GOOD | {"d": "secret"}))


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"5", b"{}", b'{"keys":{}}', b'{"keys":[1]}', b"\xff", b'{"keys":' + b"[" * 100_000,
     document(*[GOOD] * 101)],
)  # fmt: skip
def test_a_malformed_document_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"malformed|more than"):
        parse_keys(text)


def test_no_keys_are_a_valid_document() -> None:
    assert parse_keys(document()) == {}


def discovery(**members: object) -> bytes:
    return json.dumps(
        {"issuer": "https://a.example", "jwks_uri": "https://b.example/keys", **members}
    ).encode()


@pytest.mark.parametrize("issuer", ["https://a.example", "https://a.example/"])
def test_the_place_of_the_keys_is_in_the_discovery_document(issuer: str) -> None:
    assert jwks_uri(discovery(), issuer) == "https://b.example/keys"


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"issuer": "https://another.example"}, "another issuer"),
        ({"issuer": "https://a.example.evil.example"}, "another issuer"),
        ({"issuer": None}, "malformed"),
        ({"issuer": 5}, "malformed"),
        ({"jwks_uri": None}, "malformed"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"jwks_uri": "ftp://b.example/keys"}, "jwks_uri"),
        ({"jwks_uri": "http://b.example/keys"}, "jwks_uri"),
    ],
)
def test_another_discovery_document_is_refused(members: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        jwks_uri(discovery(**members), "https://a.example")


def test_an_issuer_without_tls_may_have_keys_without_tls() -> None:
    document = discovery(issuer="http://127.0.0.1:1", jwks_uri="http://127.0.0.1:1/keys")
    assert jwks_uri(document, "http://127.0.0.1:1") == "http://127.0.0.1:1/keys"
