"""The figures that `tams top` shows. Times are in seconds, rates per second; None is unknown."""

import msgspec


class Traffic(msgspec.Struct, frozen=True):
    """The requests or calls of one kind. The caller is at fault for those that were refused."""

    name: str
    per_second: float
    refused_per_second: float
    failed_per_second: float
    p50: float | None
    p99: float | None


class Process(msgspec.Struct, frozen=True):
    """One process. `fault` is empty if it answers. `cpu` is a number of cores."""

    name: str
    fault: str = ""
    version: str = ""
    cpu: float | None = None
    memory_bytes: float | None = None
    open_files: float | None = None
    in_flight: float | None = None
    uptime: float | None = None


class Tables(msgspec.Struct, frozen=True):
    """The table store. `endpoints` says of each of VAST whether it answers."""

    operations: list[Traffic]
    takes_writes: bool | None
    waiting_writes: float
    free_bytes: float | None
    cache_hits: float | None
    commits_per_second: float
    endpoints: dict[str, bool]


class Media(msgspec.Struct, frozen=True):
    """Object storage; `backends` says of each whether it answers, `open_circuits` names those not asked."""

    operations: list[Traffic]
    backends: dict[str, bool]
    open_circuits: list[str]
    allocated_per_second: float
    signed_per_second: float
    ingested_bytes_per_second: float
    reclaimed_per_second: float


class Feeds(msgspec.Struct, frozen=True):
    """Live flows, and the segments that are registered. The lag of a segment is that after its end."""

    live: float
    lag: float | None
    segments_per_second: float
    segment_p50: float | None
    segment_p99: float | None


class Webhooks(msgspec.Struct, frozen=True):
    """Deliveries, and the events that wait."""

    subscribers: float
    failing: float
    delivered_per_second: float
    failed_per_second: float
    given_up_per_second: float
    p99: float | None
    lag: float | None
    outbox_age: float | None


class View(msgspec.Struct, frozen=True):
    """All figures of a store, at a UTC time, over an interval of `seconds`."""

    time: str
    seconds: float
    requests: Traffic
    connections: float
    held_bytes: float
    routes: list[Traffic]
    calls: list[Traffic]
    tables: Tables
    media: Media
    feeds: Feeds
    webhooks: Webhooks
    backlog: dict[str, float]
    processes: list[Process]
