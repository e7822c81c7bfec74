"""Requests that run all the time, while something in a store changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.support.access.secured_store import SecuredStore

# Together they need every service.
PATHS = ("/flows?limit=1", "/service/storage-backends", "/x/analytics/storage-usage", "/health")


@asynccontextmanager
async def traffic(store: SecuredStore) -> AsyncIterator[list[httpx.Response]]:
    """The answers to one request after the other, for each path."""
    answers: list[httpx.Response] = []

    async def ask(client: httpx.AsyncClient, path: str) -> None:
        while True:
            answers.append(await client.get(path))

    async with store.client("admin") as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(client, path)) for path in PATHS]
        yield answers
        for task in tasks:
            task.cancel()
