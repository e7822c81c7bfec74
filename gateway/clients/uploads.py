"""Asks media which objects were not uploaded; concurrent requests are coalesced."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tams.media.v1 import storage_service_pb2

from gateway.clients.by_caller import ByCaller
from gateway.clients.coalescer import Coalescer, sizes_of_batches
from gateway.clients.segments import BULK_SECONDS
from gateway.clients.services import Services
from services.shared.errors import TamsError, Unavailable
from services.shared.rpc.client import DEADLINE_SECONDS, call
from services.shared.rpc.later_values import later_value
from services.shared.telemetry.metrics import Metrics

# Takes ids of objects and returns those whose bytes are not in storage.
MissingObjectFinder = Callable[[Sequence[str]], Awaitable[Sequence[str]]]
_Presences = Sequence[storage_service_pb2.Presence.ValueType]

_KNOWN: Final = frozenset(
    {
        storage_service_pb2.PRESENCE_STORED,
        storage_service_pb2.PRESENCE_MISSING,
        storage_service_pb2.PRESENCE_ELSEWHERE,
        storage_service_pb2.PRESENCE_UNREACHABLE,
    }
)

# The largest number of objects in one coalesced call; a longer list is sent alone.
_BATCH_OBJECTS: Final = 500
_SAMPLE_BYTES: Final = 8


def missing_object_finder(services: Services, metrics: Metrics) -> MissingObjectFinder:
    """A finder that calls LookForObjects; under load it sends the objects of several requests together.

    It raises Unavailable: STORAGE_UNAVAILABLE if the storage of some object does not answer, PARTS_DISAGREE
    if media is of a later version and answers with a value that this one does not know.
    """

    async def ask(object_ids: Sequence[str]) -> _Presences:
        request = storage_service_pb2.LookForObjectsRequest(object_ids=object_ids)
        seconds = DEADLINE_SECONDS if len(object_ids) <= _BATCH_OBJECTS else BULK_SECONDS
        return (await call(services.storage.LookForObjects, request, timeout=seconds)).presences

    async def single(object_ids: Sequence[str]) -> Sequence[str]:
        return _missing(object_ids, await ask(object_ids))

    async def batch(lists: Sequence[Sequence[str]]) -> Sequence[Sequence[str] | TamsError]:
        presences = iter(await ask([object_id for object_ids in lists for object_id in object_ids]))
        return [_outcome(object_ids, [next(presences) for _ in object_ids]) for object_ids in lists]

    sizes = sizes_of_batches(metrics, "LookForObjects")
    coalesced = ByCaller(
        lambda: Coalescer(
            single,
            batch,
            deadline_seconds=DEADLINE_SECONDS,
            max_weight=_BATCH_OBJECTS,
            weigh=len,
            sizes=sizes,
        )
    )

    async def find(object_ids: Sequence[str]) -> Sequence[str]:
        return await (coalesced if len(object_ids) <= _BATCH_OBJECTS else single)(object_ids)

    return find


def sampled(find: MissingObjectFinder, share: float) -> MissingObjectFinder:
    """A finder that asks for a share of the objects, above 0 and up to 1. Their ids choose them.

    So an object that was refused is refused again until it is stored.
    """
    if share >= 1:
        return find
    below = int(share * 2 ** (8 * _SAMPLE_BYTES))

    async def find_in_sample(object_ids: Sequence[str]) -> Sequence[str]:
        chosen = [object_id for object_id in object_ids if _number_of(object_id) < below]
        return await find(chosen) if chosen else ()

    return find_in_sample


def _number_of(object_id: str) -> int:
    """A number that is the same for the same id, and evenly spread."""
    digest = hashlib.blake2b(object_id.encode(errors="surrogatepass"), digest_size=_SAMPLE_BYTES)
    return int.from_bytes(digest.digest())


def _outcome(object_ids: Sequence[str], presences: _Presences) -> Sequence[str] | TamsError:
    try:
        return _missing(object_ids, presences)
    except Unavailable as error:
        return error


def _missing(object_ids: Sequence[str], presences: _Presences) -> Sequence[str]:
    if storage_service_pb2.PRESENCE_UNREACHABLE in presences:
        index = list(presences).index(storage_service_pb2.PRESENCE_UNREACHABLE)
        raise Unavailable(
            f"cannot check whether object {object_ids[index][:64]!r} was uploaded, because its storage does"
            " not answer; nothing is registered",
            reason="STORAGE_UNAVAILABLE",
        )
    if later := set(presences) - _KNOWN:
        raise later_value("the presence of an object", min(later))
    if storage_service_pb2.PRESENCE_MISSING not in presences:
        return ()
    return [
        object_id
        for object_id, presence in zip(object_ids, presences, strict=True)
        if presence == storage_service_pb2.PRESENCE_MISSING
    ]
