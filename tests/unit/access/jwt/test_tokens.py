import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest

from services.access.jwt.tokens import MAX_TOKEN, JwtTokens, open_tokens
from services.access.settings import AccessSettings
from services.shared.access.principal import Scope
from services.shared.errors import StartupError, Unauthenticated
from tests.support.access.issuer import (
    AUDIENCE,
    ISSUER,
    SigningKey,
    claims,
    encoded,
    hand_made,
    jwks,
    new_key,
    token,
)

KEYS = {algorithm: new_key(algorithm, algorithm) for algorithm in ("RS256", "ES256", "EdDSA")}
GOOD = KEYS["ES256"]
SECRET = "a-secret-for-these-tests-" + "x" * 20
SKEW = 30


@asynccontextmanager
async def opened(folder: Path, *keys: SigningKey, **settings: Any) -> AsyncIterator[JwtTokens]:
    """The checker of tokens that trusts these keys."""
    path = folder / "jwks.json"
    path.write_bytes(jwks(*keys))
    place = {"jwks": str(path)} if keys else {}
    all_settings = {"issuer": ISSUER, "audience": AUDIENCE, "auth_skew_seconds": SKEW, **place, **settings}
    async with open_tokens(AccessSettings(**all_settings)) as tokens:
        assert tokens is not None
        yield tokens


@pytest.fixture
async def tokens(tmp_path: Path) -> AsyncIterator[JwtTokens]:
    async with opened(tmp_path, *KEYS.values()) as found:
        yield found


async def refusal(tokens: JwtTokens, text: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await tokens.check(text)
    assert len(text) < 10 or text not in caught.value.summary
    return caught.value.summary


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
async def test_a_good_token_names_its_caller_and_scopes(tokens: JwtTokens, key: SigningKey) -> None:
    expiry = int(time.time()) + 100
    checked = await tokens.check(token(key, "read", "write", exp=expiry))
    assert checked.principal.name == "jwt:alice"
    assert checked.principal.scopes == {Scope.READ, Scope.WRITE}
    # The skew of the clocks counts for what is remembered too.
    assert checked.expires_at == expiry + SKEW


async def test_a_token_may_name_several_audiences(tokens: JwtTokens) -> None:
    assert await tokens.check(token(GOOD, aud=["other", AUDIENCE]))


@pytest.mark.parametrize("change", [{"exp": -SKEW + 5}, {"nbf": SKEW - 5}, {"iat": SKEW - 5}])
async def test_clocks_may_differ(tokens: JwtTokens, change: dict[str, int]) -> None:
    now = int(time.time())
    times: dict[str, Any] = {name: now + seconds for name, seconds in change.items()}
    assert await tokens.check(token(GOOD, **times))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"exp": -SKEW - 5}, "expired"),
        ({"nbf": SKEW + 50}, "not valid yet"),
        ({"iat": SKEW + 50}, "not valid yet"),
    ],
)
async def test_a_token_is_valid_in_its_time_only(
    tokens: JwtTokens, change: dict[str, int], complaint: str
) -> None:
    now = int(time.time())
    times: dict[str, Any] = {name: now + seconds for name, seconds in change.items()}
    assert complaint in await refusal(tokens, token(GOOD, **times))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"aud": "another"}, "another audience"),
        ({"aud": ["another", "third"]}, "another audience"),
        ({"aud": AUDIENCE + "x"}, "another audience"),
        ({"aud": 5}, "another audience"),
        ({"aud": [AUDIENCE, 5]}, "another audience"),
        ({"aud": None}, "lacks exp, aud or iss"),
        ({"aud": []}, "lacks exp, aud or iss"),
        ({"iss": "https://another.example"}, "another issuer"),
        ({"iss": ISSUER + "/"}, "another issuer"),
        ({"iss": None}, "lacks exp, aud or iss"),
        ({"exp": None}, "lacks exp, aud or iss"),
        ({"exp": "soon"}, "malformed"),
        ({"exp": [1]}, "malformed"),
        ({"exp": float("inf")}, "malformed"),
        ({"nbf": "soon"}, "malformed"),
        ({"sub": None}, "no subject"),
        ({"sub": 5}, "malformed"),
        ({"sub": ""}, "no subject"),
        ({"jti": 5}, "malformed"),
    ],
)
async def test_claims_must_fit(tokens: JwtTokens, change: dict[str, Any], complaint: str) -> None:
    assert complaint in await refusal(tokens, token(GOOD, "admin", **change))


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
async def test_a_signature_of_another_key_is_refused(tokens: JwtTokens, key: SigningKey) -> None:
    stranger = new_key(key.id, key.algorithm)
    assert "signature is wrong" in await refusal(tokens, token(stranger, "admin"))
    head, _, signature = token(key, "admin").rpartition(".")
    assert "signature is wrong" in await refusal(tokens, f"{head}.{encoded(bytes(len(signature)))}")
    assert "signature is wrong" in await refusal(tokens, f"{head}.")


async def test_other_claims_under_a_good_signature_are_refused(tokens: JwtTokens) -> None:
    header, _, signature = token(GOOD, "read").split(".")
    forged = hand_made({}, claims("admin")).split(".")[1]
    assert "signature is wrong" in await refusal(tokens, f"{header}.{forged}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
async def test_no_signature_is_no_signature(tokens: JwtTokens, algorithm: str) -> None:
    for header in ({"alg": algorithm}, {"alg": algorithm, "kid": GOOD.id}):
        assert "does not accept" in await refusal(tokens, hand_made(header, claims("admin")))


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("with_secret", [False, True])
async def test_a_public_key_is_no_secret(tmp_path: Path, key: SigningKey, with_secret: bool) -> None:
    """HS256 with the text of a public key, which everybody knows."""
    more = {"hs256_secret": SECRET} if with_secret else {}
    async with opened(tmp_path, *KEYS.values(), **more) as tokens:
        for secret in (key.pem, key.pem.strip(), b""):
            for header in (
                {"alg": "HS256", "kid": key.id},
                {"alg": "HS256"},
                {"alg": "HS512", "kid": key.id},
            ):
                await refusal(tokens, hand_made(header, claims("admin"), secret))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "RS256", "kid": "ES256"},
        {"alg": "ES256", "kid": "EdDSA"},
        {"alg": "ES384", "kid": "ES256"},
        {"alg": "PS256", "kid": "RS256"},
        {"alg": "RS512", "kid": "RS256"},
        {"alg": "ES256K", "kid": "ES256"},
        {"alg": ["ES256"], "kid": "ES256"},
        {"alg": None, "kid": "ES256"},
        {"kid": "ES256"},
    ],
)
async def test_the_header_does_not_choose_the_algorithm(tokens: JwtTokens, header: dict[str, Any]) -> None:
    await refusal(tokens, hand_made(header, claims("admin"), GOOD.pem))


async def test_a_key_of_another_curve_is_refused(tmp_path: Path) -> None:
    other = new_key("other", "ES384")
    async with opened(tmp_path, GOOD, other) as tokens:
        assert "does not accept" in await refusal(tokens, token(other, "admin"))
        lying = SigningKey(GOOD.id, "ES384", other.private)
        assert "does not accept" in await refusal(tokens, token(lying, "admin"))


async def test_keys_in_the_token_are_not_used(tokens: JwtTokens) -> None:
    stranger = new_key("stranger")
    for more in ({"jwk": stranger.jwk}, {"jku": "http://127.0.0.1:1/keys"}, {"x5u": "http://127.0.0.1:1/"}):
        await refusal(tokens, token(stranger, "admin", headers=more))
        await refusal(tokens, token(stranger, "admin", headers={"kid": GOOD.id, **more}))


async def test_an_unknown_key_is_refused(tokens: JwtTokens) -> None:
    assert "does not have" in await refusal(tokens, token(new_key("unknown"), "admin"))
    no_id = jwt.encode(claims("admin"), GOOD.private, algorithm="ES256")
    assert "does not have" in await refusal(tokens, no_id)


async def test_a_token_without_key_id_is_good_if_the_issuer_has_one_key(tmp_path: Path) -> None:
    async with opened(tmp_path, GOOD) as tokens:
        assert await tokens.check(jwt.encode(claims("read"), GOOD.private, algorithm="ES256"))


async def test_a_key_may_be_replaced_by_one_of_the_same_name_or_of_none(tmp_path: Path) -> None:
    """The file with the keys was read at start, and may be read again for the first token."""
    replaced = new_key(GOOD.id)
    async with opened(tmp_path, GOOD) as tokens:
        (tmp_path / "jwks.json").write_bytes(jwks(replaced))
        assert await tokens.check(token(replaced, "read"))
        assert await tokens.check(jwt.encode(claims("read"), replaced.private, algorithm="ES256"))
        assert "signature is wrong" in await refusal(tokens, token(GOOD, "read"))


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "...", "a.b.c", "x", "\x00", "é.é.é", "e30.e30.", "e30.e30.e30",
        encoded(b"[" * 9000) + ".e30.", encoded(b'{"a":' * 2000) + ".e30.",
        hand_made({"alg": "ES256", "kid": 5}, claims("admin")),
        hand_made({"alg": "ES256", "kid": "ES256", "crit": ["new"], "new": 1}, claims("admin")),
        hand_made({"alg": "ES256", "kid": "ES256", "b64": False, "crit": ["b64"]}, claims("admin")),
    ],
)  # fmt: skip
async def test_garbage_is_refused(tokens: JwtTokens, text: str) -> None:
    assert await refusal(tokens, text)


async def test_a_long_token_is_not_even_read(tokens: JwtTokens) -> None:
    assert f"more than {MAX_TOKEN} characters" in await refusal(tokens, "a" * (MAX_TOKEN + 1))
    assert f"more than {MAX_TOKEN} characters" in await refusal(
        tokens, token(GOOD, "admin", x="a" * MAX_TOKEN)
    )


async def test_a_payload_that_is_no_object_is_refused(tokens: JwtTokens) -> None:
    for payload in (b"5", b"[]", b'"text"', b"{", b"[" * 9000):
        signer = jwt.PyJWS()
        text = signer.encode(payload, GOOD.private, algorithm="ES256", headers={"kid": GOOD.id})
        assert "malformed" in await refusal(tokens, text)


async def test_hs256_is_good_if_it_is_configured(tmp_path: Path) -> None:
    header = {"alg": "HS256"}
    good = hand_made(header, claims("read"), SECRET.encode())
    async with opened(tmp_path, hs256_secret=SECRET) as tokens:
        assert (await tokens.check(good)).principal.scopes == {Scope.READ}
        assert "signature is wrong" in await refusal(tokens, hand_made(header, claims("read"), b"other"))
        # Without a place of keys there are none, and the issuer is not asked.
        assert "does not accept" in await refusal(tokens, token(GOOD, "admin"))
    async with opened(tmp_path, GOOD, hs256_secret=SECRET) as tokens:
        assert await tokens.check(good)
        assert await tokens.check(token(GOOD, "read"))
    async with opened(tmp_path, GOOD) as tokens:
        assert "does not accept" in await refusal(tokens, good)


async def test_the_secret_can_be_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    async with opened(tmp_path, hs256_secret_file=str(path)) as tokens:
        assert await tokens.check(hand_made({"alg": "HS256"}, claims("read"), SECRET.encode()))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"issuer": ISSUER}, "TAMS_AUTH_AUDIENCE"),
        ({"audience": AUDIENCE}, "TAMS_AUTH_ISSUER"),
        ({"jwks": "keys.json"}, "TAMS_AUTH_ISSUER"),
        ({"hs256_secret": SECRET}, "TAMS_AUTH_ISSUER"),
        ({"issuer": "local", "audience": AUDIENCE}, "TAMS_AUTH_JWKS"),
        ({"issuer": ISSUER, "audience": AUDIENCE, "hs256_secret": "short"}, "fewer than 32 bytes"),
        (
            {"issuer": ISSUER, "audience": AUDIENCE, "hs256_secret": SECRET, "hs256_secret_file": "x"},
            "not both",
        ),
        ({"issuer": ISSUER, "audience": AUDIENCE, "hs256_secret_file": "missing"}, "cannot read missing"),
        ({"issuer": ISSUER, "audience": AUDIENCE, "jwks": "missing.json"}, "TAMS_AUTH_JWKS: cannot use"),
        ({"issuer": ISSUER, "audience": AUDIENCE, "auth_ca_file": "missing"}, "TAMS_AUTH_CA_FILE"),
        ({"issuer": ISSUER, "audience": AUDIENCE, "roles": "editor"}, "TAMS_AUTH_ROLES"),
    ],
)
async def test_settings_that_do_not_fit_stop_the_start(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(StartupError, match=complaint):
        async with open_tokens(AccessSettings(**settings)):  # type: ignore[arg-type]
            pass


async def test_without_an_issuer_no_jwt_is_accepted() -> None:
    async with open_tokens(AccessSettings()) as tokens:
        assert tokens is None
