"""Tokens for URLs: JSON of requests and replies. An extension of this implementation."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.codecs import decoding
from services.shared.access.url_tokens import UrlToken
from services.shared.ids import UUID_PATTERN

MAX_SECONDS: Final = 3600

FlowId = Annotated[str, Meta(pattern=rf"^{UUID_PATTERN}\Z")]


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token to make. An empty body asks for the defaults."""

    seconds: Annotated[int, Meta(ge=1, le=MAX_SECONDS)] = 300
    methods: Annotated[tuple[Literal["GET", "HEAD", "POST", "PUT", "DELETE"], ...], Meta(min_length=1)] = (
        "GET",
        "HEAD",
    )
    flow_id: FlowId | UnsetType = UNSET


class Token(msgspec.Struct, frozen=True):
    """A token, and the time at which it expires."""

    access_token: str
    expires_at: datetime


_decoder: Final = msgspec.json.Decoder(NewToken)


def request(body: bytes) -> NewToken:
    """The request in a body. InvalidArgument with the JSON path of what does not fit the schema."""
    return decoding.decode(_decoder, body) if body.strip() else NewToken()


def document(token: UrlToken) -> bytes:
    """The JSON of a token."""
    return msgspec.json.encode(Token(token.text, datetime.fromtimestamp(token.expires_at, UTC)))
