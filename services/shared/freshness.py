"""The freshness of answers: requirements in requests, and recently learned rows in replies.

Replicas of a service may cache rows for a short time. A caller of several replicas must see its own changes,
and never an older state after a newer one. So a replica adds the rows that it has learned recently to each
answer (RecentRows). The caller sends other replicas the age of that (NotBefore), and they do not answer
from rows that they read earlier. Ages are sent, not times, so the clocks of the machines need not agree.
"""

import struct
import zlib
from collections.abc import Collection
from contextvars import ContextVar
from typing import Final, NamedTuple

# If there are more rows, they are not listed, and all rows count as recent.
MAX_LISTED: Final = 256
_HEAD: Final = struct.Struct("<8sIQ")
_KEY: Final = struct.Struct("<I")
MICROSECOND: Final = 1e-6


class RecentRows(NamedTuple):
    """Rows that a process has learned recently, by `row_key`; None if they are too many to list.

    The process learned the last of them `age_us` microseconds ago. Other processes may still have the former
    state in their caches for `hold_ms` milliseconds.
    """

    process: bytes
    hold_ms: int
    age_us: int
    rows: frozenset[int] | None

    @classmethod
    def of(cls, process: bytes, hold_ms: int, age: float, ids: Collection[str]) -> "RecentRows":
        """The recent rows with these ids; `age` is in seconds."""
        keys = None if len(ids) > MAX_LISTED else frozenset(map(row_key, ids))
        return cls(process, hold_ms, int(max(0.0, age) / MICROSECOND), keys)

    def to_bytes(self) -> bytes:
        """The form in the metadata of a reply."""
        rows = () if self.rows is None else self.rows
        return _HEAD.pack(self.process, self.hold_ms, self.age_us) + b"".join(map(_KEY.pack, rows))

    @classmethod
    def from_bytes(cls, data: bytes) -> "RecentRows":
        """The value in the metadata of a reply. ValueError if it is malformed."""
        try:
            process, hold_ms, age_us = _HEAD.unpack_from(data)
            rows = frozenset(key for (key,) in _KEY.iter_unpack(data[_HEAD.size :]))
        except struct.error as error:
            raise ValueError("malformed list of recent rows") from error
        return cls(process, hold_ms, age_us, rows or None)


class NotBefore(NamedTuple):
    """The times before which the cached rows of an answer must not have been read, by the answering clock.

    `latest` applies to all processes but `exempt`, which has reported the latest change itself; `others`
    applies to that one.
    """

    exempt: bytes
    latest: float
    others: float

    @classmethod
    def parse(cls, text: str, now: float) -> "NotBefore":
        """The value in the metadata of a request that arrives at the time `now`. ValueError if malformed."""
        process, latest, others = text.split(" ")
        return cls(
            bytes.fromhex(process),
            now - int(latest) * MICROSECOND,
            now - int(others) * MICROSECOND if others != "-" else 0.0,
        )

    def limit(self, process: bytes) -> float:
        """The time that applies to this process; 0.0 for no limit."""
        return self.others if process == self.exempt else self.latest


# The requirement of the current call, and the recent rows to add to its answer.
not_before: ContextVar[NotBefore | None] = ContextVar("not_before", default=None)
recent_rows: ContextVar[RecentRows | None] = ContextVar("recent_rows", default=None)


def report(recent: RecentRows) -> None:
    """Add recent rows to the answer of the current call."""
    before = recent_rows.get()
    if before is not None:
        rows = None if before.rows is None or recent.rows is None else before.rows | recent.rows
        rows = None if rows is None or len(rows) > MAX_LISTED else rows
        recent = recent._replace(age_us=min(before.age_us, recent.age_us), rows=rows)
    recent_rows.set(recent)


def row_key(row_id: str) -> int:
    """A short key of a row. If two rows have the same key, both are read again, which does no harm."""
    return zlib.crc32(row_id.encode())
