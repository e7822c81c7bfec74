"""Addresses of HLS playlists, an extension of this implementation."""

from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from client.api import codec
from client.api.connection import Connection

# The longest validity of a token in a URL, in seconds.
TOKEN_SECONDS: Final = 3600


class _Token(msgspec.Struct):
    access_token: str


class Playback:
    """Addresses that players open."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    def address(self, flow_id: str, **query: object) -> str:
        """The address of the multivariant playlist of a flow; parameters that are None are left out.

        A store with access control wants a `token` in it as `access_token`, as players send no credentials.
        """
        given = urlencode({name: value for name, value in query.items() if value is not None})
        path = f"/x/flows/{quote(flow_id, safe='')}/multivariant.m3u8"
        return f"{self._api.target.url}{path}{'?' if given else ''}{given}"

    async def token(self, seconds: int = TOKEN_SECONDS) -> str:
        """A token for URLs that reads what the caller may read. NotFound if the store needs no tokens."""
        answer = await self._api.call("POST", "/x/tokens", {"seconds": seconds}, repeatable=True)
        return codec.decode(answer.content, _Token).access_token
