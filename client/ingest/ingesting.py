"""Ingests a media file into a store.

Each stream becomes a flow, cut into segments; a multi flow collects the flows of several streams. The flows'
time is the file's time plus `origin`. Streams are copied, not encoded again.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from client.api import NotFound
from client.api.models import Document
from client.essence.errors import EssenceError
from client.essence.fingerprint import fingerprint
from client.essence.recording import Essence, Recording
from client.essence.timing import NS
from client.ingest import documents
from client.ingest.flow_writer import FlowWriter
from client.ingest.identity import Identities, Identity
from client.ingest.ports import Store
from client.ingest.retrying import RetryPolicy
from client.ingest.sending import send

# At 8 to 50 Mbit/s, objects have 4 to 25 MB: large enough for object storage, quick to fetch after a seek.
SEGMENT_DURATION: Final = 4 * NS

# The stage, the amount done and the total: "reading" counts bytes, "sending" counts nanoseconds of media of
# all flows together. The total is 0 if the file declares no duration.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class IngestedFlow:
    """The flow of a stream of the file; `added` is the number of segments that this run registered."""

    role: str
    flow_id: str
    source_id: str
    added: int


@dataclass(frozen=True, slots=True)
class Ingested:
    """The outcome of an ingest: the flow of the multi file, its source, and the flows of its streams.

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
    retries: RetryPolicy = RetryPolicy(),  # noqa: B008  frozen
) -> Ingested:
    """Ingest a file; after an interruption, ingest its missing segments.

    Times are in nanoseconds. Ids derive from the file's content, or from `seed` if given; `identities` sets
    those of single roles ("video", "audio", "audio2", "multi"). EssenceError for media that cannot be stored,
    OSError for a file that cannot be read, the errors of `client.api` if the store refuses or is unreachable.
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
        run = _Ingest(store, recording, ids, label or path.stem, retries)
        return await run.run(segment_duration, origin, progress)
    finally:
        recording.close()


class _Ingest:
    def __init__(
        self, store: Store, recording: Recording, ids: Identities, label: str, retries: RetryPolicy
    ) -> None:
        self._store = store
        self._recording = recording
        self._roles = dict(_roles(recording.essences))
        self._ids = ids
        self._label = label
        self._retries = retries
        self._done = 0

    async def run(self, segment_duration: int, origin: int, progress: Progress) -> Ingested:
        writers = await self._writers(segment_duration)
        multi = await self._collect()
        total = (self._recording.duration or 0) * len(writers)

        def advanced(time: int) -> None:
            self._done += time
            progress("sending", min(self._done, total) if total else self._done, total)

        regular = await send(self._recording.pieces(segment_duration, origin), writers, advanced)
        for index, writer in writers.items():
            await self._complete(writer.flow_id, writer.rates.document(), regular=regular[index])
        if len(writers) > 1:
            await self._complete(multi.flow_id, {}, regular=True)
        progress("sending", total or self._done, total or self._done)
        return Ingested(multi.flow_id, multi.source_id, self._flows(writers), self._recording.left_out)

    async def _writers(self, segment_duration: int) -> dict[int, FlowWriter]:
        writers = {}
        for role, essence in self._roles.items():
            identity = self._ids[role]
            document = documents.essence_flow(essence, identity, self._label, segment_duration)
            await self._begin(document)
            writers[essence.index] = FlowWriter(self._store, identity.flow_id, self._retries)
            await writers[essence.index].read_existing()
        return writers

    async def _collect(self) -> Identity:
        """The identity of the flow of the whole file; creates it if there are several streams."""
        if len(self._roles) == 1:
            return self._ids[next(iter(self._roles))]
        multi = self._ids["multi"]
        members = [(role, self._ids[role]) for role in self._roles]
        await self._begin(documents.multi_flow(multi, members, self._label))
        return multi

    async def _begin(self, document: Document) -> None:
        """Create the flow; an existing flow stays, with the changes of other clients.

        There are no long retries here: a user should learn soon that the store does not answer.
        """
        try:
            await self._store.flow(document["id"])
        except NotFound:
            await self._store.put_flow(document)

    async def _complete(self, flow_id: str, measured: Mapping[str, int], *, regular: bool) -> None:
        async for attempt in self._retries.retrying():
            with attempt:
                stored = (await self._store.flow(flow_id)).document
                changed = documents.completed(stored, measured, regular=regular)
                if changed != stored:
                    await self._store.put_flow(changed)

    def _flows(self, writers: Mapping[int, FlowWriter]) -> tuple[IngestedFlow, ...]:
        return tuple(
            IngestedFlow(
                role, self._ids[role].flow_id, self._ids[role].source_id, writers[essence.index].added
            )
            for role, essence in self._roles.items()
        )


def _roles(essences: Sequence[Essence]) -> Iterator[tuple[str, Essence]]:
    """A role for each stream: its kind, with a number from the second stream of its kind."""
    counts: dict[str, int] = {}
    for essence in essences:
        counts[essence.kind] = number = counts.get(essence.kind, 0) + 1
        yield essence.kind if number == 1 else f"{essence.kind}{number}", essence
