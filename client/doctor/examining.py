"""All checks, one after the other."""

from collections.abc import AsyncIterator

import httpx

from client.api import TamsClient
from client.api.connection import open_http, unreachable
from client.doctor import database, gateway, storage
from client.doctor.findings import Finding


async def examine(
    store: TamsClient, url: str, *, probe: bool, max_flows: int | None, max_segments: int | None
) -> AsyncIterator[Finding]:
    """What each check found. Unreachable when the gateway does not answer at all."""
    http = open_http()
    try:
        try:
            found = await gateway.check(http, url.rstrip("/"))
        except httpx.RequestError as error:
            raise unreachable(url, error) from error
        for finding in found:
            yield finding
        async for finding in database.check(store, max_flows, max_segments):
            yield finding
        for finding in await storage.check(store, http) if probe else ():
            yield finding
    finally:
        await http.aclose()
