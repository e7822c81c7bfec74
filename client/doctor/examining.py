"""Runs all checks, one after the other."""

from collections.abc import AsyncIterator

import httpx

from client.api import TamsClient
from client.api.connection import open_http, unreachable
from client.doctor import database, gateway, objects, storage
from client.doctor.findings import Finding


async def examine(store: TamsClient, scope: database.Scope, *, probe: bool) -> AsyncIterator[Finding]:
    """The findings of each check. Unreachable if the gateway does not answer at all."""
    http = open_http(store.target)
    try:
        try:
            findings = await gateway.check(http, store.target)
        except httpx.RequestError as error:
            raise unreachable(store.target.url, error) from error
        for finding in findings:
            yield finding
        async for finding in database.check(store, scope):
            yield finding
        for finding in await objects.check(store, http):
            yield finding
        for finding in await storage.check(store, http) if probe else ():
            yield finding
    finally:
        await http.aclose()
