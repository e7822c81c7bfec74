"""Bringing a media file into a store.

Each stream becomes a flow of its own, cut into segments; more than one are collected by a multi flow. The
file's time is the flows' time, moved by `origin`. Streams are copied, not encoded again.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from client.api import NotFound
from client.essence.errors import EssenceError
from client.essence.recording import Essence, Recording
from client.essence.timing import NS
from client.ingest import documents
from client.ingest.identity import Identities, Identity, fingerprint
from client.ingest.lane import Lane
from client.ingest.patience import Patience
from client.ingest.ports import Store
from client.ingest.sending import send

# At 8 to 50 Mbit/s, objects of 4 to 25 MB: large enough for object storage, quick to fetch after a seek.
SEGMENT_DURATION: Final = 4 * NS

# What is going on, how much of it is done and how much there is: "reading" counts bytes, "sending"
# nanoseconds of media of all flows together. The whole is 0 where the file does not tell.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class IngestedFlow:
    """A flow that holds a stream of the file; `added` counts the segments that this run registered."""

    role: str
    flow_id: str
    source_id: str
    added: int


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of a file: the flow for all of it, its source, and the flows of its streams.

    `left_out` names streams that are neither video nor audio.
    """

    flow_id: str
    source_id: str
    flows: tuple[IngestedFlow, ...]
    left_out: tuple[str, ...]


async def ingest(
    store: Store,
    path: Path,
    *,
    label: str | None = None,
    segment_duration: int = SEGMENT_DURATION,
    origin: int = 0,
    seed: str | None = None,
    identities: Mapping[str, Identity] | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
    patience: Patience = Patience(),  # noqa: B008  frozen
) -> Ingested:
    """Bring a file into the store, or what is missing of it after an interruption.

    Times are in nanoseconds. Ids follow from the file's content, or from `seed`
    where given; `identities` sets those of single roles ("video", "audio", "audio2", "multi"). EssenceError
    for media that cannot be stored, OSError for a file that cannot be read, the store's errors where it
    refuses or stays away.
    """
    if segment_duration <= 0:
        raise EssenceError("the segment duration must be above zero")
    if seed is None:
        seed = await asyncio.to_thread(
            fingerprint, path, lambda done, total: progress("reading", done, total)
        )
    ids = Identities(seed, origin, identities or {})
    recording = await asyncio.to_thread(Recording, path)
    try:
        run = _Ingest(store, recording, ids, label or path.stem, patience)
        return await run.run(segment_duration, origin, progress)
    finally:
        recording.close()


class _Ingest:
    def __init__(
        self, store: Store, recording: Recording, ids: Identities, label: str, patience: Patience
    ) -> None:
        self._store = store
        self._recording = recording
        self._roles = dict(_roles(recording.essences))
        self._ids = ids
        self._label = label
        self._patience = patience
        self._done = 0

    async def run(self, segment_duration: int, origin: int, progress: Progress) -> Ingested:
        lanes = await self._lanes(segment_duration)
        whole = await self._collect()
        total = (self._recording.duration or 0) * len(lanes)

        def advanced(time: int) -> None:
            self._done += time
            progress("sending", min(self._done, total) if total else self._done, total)

        regular = await send(self._recording.pieces(segment_duration, origin), lanes, advanced)
        for index, lane in lanes.items():
            await self._complete(lane.flow_id, lane.rates.document(), regular=regular[index])
        if len(lanes) > 1:
            await self._complete(whole.flow_id, {}, regular=True)
        progress("sending", total or self._done, total or self._done)
        return Ingested(whole.flow_id, whole.source_id, self._flows(lanes), self._recording.left_out)

    async def _lanes(self, segment_duration: int) -> dict[int, Lane]:
        lanes = {}
        for role, essence in self._roles.items():
            identity = self._ids[role]
            document = documents.essence_flow(essence, identity, self._label, segment_duration)
            await self._begin(document)
            lanes[essence.index] = Lane(self._store, identity.flow_id, self._patience)
            await lanes[essence.index].look()
        return lanes

    async def _collect(self) -> Identity:
        """The identity of the flow for all of the file; makes it where it collects others."""
        if len(self._roles) == 1:
            return self._ids[next(iter(self._roles))]
        whole = self._ids["multi"]
        members = [(role, self._ids[role]) for role in self._roles]
        await self._begin(documents.multi_flow(whole, members, self._label))
        return whole

    async def _begin(self, document: documents.Document) -> None:
        """Make the flow; one that is there keeps what others may have changed in it.

        Without patience: where a store does not answer at the very start, someone waits to hear that.
        """
        try:
            await self._store.flow(document["id"])
        except NotFound:
            await self._store.put_flow(document)

    async def _complete(self, flow_id: str, measured: Mapping[str, int], *, regular: bool) -> None:
        async for attempt in self._patience.retrying():
            with attempt:
                stored = (await self._store.flow(flow_id)).document
                changed = documents.completed(stored, measured, regular=regular)
                if changed != stored:
                    await self._store.put_flow(changed)

    def _flows(self, lanes: Mapping[int, Lane]) -> tuple[IngestedFlow, ...]:
        return tuple(
            IngestedFlow(role, self._ids[role].flow_id, self._ids[role].source_id, lanes[essence.index].added)
            for role, essence in self._roles.items()
        )


def _roles(essences: Sequence[Essence]) -> Iterator[tuple[str, Essence]]:
    """A role for each stream: its kind, numbered from the second of its kind on."""
    counts: dict[str, int] = {}
    for essence in essences:
        counts[essence.kind] = number = counts.get(essence.kind, 0) + 1
        yield essence.kind if number == 1 else f"{essence.kind}{number}", essence
