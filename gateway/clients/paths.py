"""Signing of URLs, coalesced."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Final

from tams.media.v1.storage_service_pb2 import SignedPaths, StoredObjects

from gateway.clients.coalescer import Coalescer
from gateway.clients.services import Services
from services.shared.errors import InvalidArgument, TamsError
from services.shared.rpc.client import DEADLINE_SECONDS
from services.shared.rpc.segment_urls import signer

PathSigner = Coalescer[Sequence[StoredObjects], Sequence[SignedPaths]]

# What media signs in one call.
_MAX_PATHS: Final = 1000


def path_signer(services: Services) -> PathSigner:
    """SignPaths; pages that are made at the same time are signed together."""
    sign = signer(services.channels["media"])

    async def alone(objects: Sequence[StoredObjects]) -> Sequence[SignedPaths] | TamsError:
        try:
            return await sign(objects)
        except TamsError as error:
            return error

    async def together(
        requests: Sequence[Sequence[StoredObjects]],
    ) -> Sequence[Sequence[SignedPaths] | TamsError]:
        try:
            signed = iter(await sign([one for objects in requests for one in objects]))
        except InvalidArgument:
            # One of them is at fault; the others must not be told so.
            return await asyncio.gather(*map(alone, requests))
        return [list(islice(signed, len(objects))) for objects in requests]

    return Coalescer(
        sign,
        together,
        deadline_seconds=DEADLINE_SECONDS,
        max_weight=_MAX_PATHS,
        weigh=lambda objects: sum(len(one.paths) for one in objects),
        max_in_flight=1,
    )
