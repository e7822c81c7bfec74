import base64

import pytest

from services.access.credentials import Basic, Bearer, parse_authorization
from services.shared.errors import Unauthenticated


def basic(data: bytes) -> str:
    return f"Basic {base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("header", "credentials"),
    [
        ("Bearer abc", Bearer("abc")),
        ("bearer  abc ", Bearer("abc")),
        (" BEARER abc", Bearer("abc")),
        (basic(b"alice:secret"), Basic("alice", "secret")),
        (basic(b"alice:"), Basic("alice", "")),
        (basic(b"alice:a:b "), Basic("alice", "a:b ")),
        (basic("zoë:grün".encode()), Basic("zoë", "grün")),
        (basic(b"alice:x").replace("Basic", "bAsIc"), Basic("alice", "x")),
    ],
)
def test_a_header_has_a_token_or_a_user_and_a_password(header: str, credentials: Bearer | Basic) -> None:
    assert parse_authorization(header) == credentials


@pytest.mark.parametrize(
    "header",
    ["", " ", "Bearer", "Bearer ", "Bearer a b", "Bearerabc", "abc", "Digest a=b", "Negotiate YQ==", "Basic",
     "Basic !!", "Basic YQ", basic(b"alice"), basic(b":secret"), basic(b":"), basic(b"\xff:x"),
     "Basic YTpi YTpi"],
)  # fmt: skip
def test_a_malformed_header_is_refused_without_repeating_it(header: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        parse_authorization(header)
    assert len(header) < 10 or header not in caught.value.summary


def test_api_keys_differ_from_jwts_by_their_beginning() -> None:
    assert Bearer("tams_1_secret").is_key
    assert not Bearer("eyJhbGciOiJub25lIn0.e30.").is_key
