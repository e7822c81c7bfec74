"""Waits for deletions that were answered with 202."""

import asyncio
import time
from typing import Any, Final

from tests.campaign.store.channels import READ_SECONDS, Channel

_ENDED: Final = ("done", "error")


async def until_deleted(channel: Channel, flow_id: str) -> None:
    """Wait until no deletion of a flow or of its segments is under way."""
    deadline = time.monotonic() + READ_SECONDS
    while any(
        request["flow_id"] == flow_id and request["status"] not in _ENDED
        for request in await requests(channel)
    ):
        assert time.monotonic() < deadline, f"a deletion has not ended within {READ_SECONDS} s"
        await asyncio.sleep(0.2)


async def requests(channel: Channel) -> list[dict[str, Any]]:
    """The latest deletion requests."""
    listed: list[dict[str, Any]] = (await channel.get("/flow-delete-requests")).json()
    return listed
