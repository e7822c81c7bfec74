"""The tables behind the store: what they lack, their servers, rows that contradict each other."""

from collections.abc import AsyncIterator
from typing import Final

from client.api import ApiError, Forbidden, TamsClient
from client.api.tables import Consistency, Endpoint, Tables
from client.doctor.findings import Finding, fine, problem, unchecked

_SHOWN: Final = 20
_SLOW_SECONDS: Final = 0.25
_FAILING: Final = 0.1


async def check(store: TamsClient, max_flows: int | None, max_segments: int | None) -> AsyncIterator[Finding]:
    """What is wrong with the tables."""
    try:
        tables = await store.admin.tables()
    except Forbidden:
        step = "set TAMS_GATEWAY_ADMIN=true at a gateway that operators alone reach, and ask that one"
        yield unchecked("database", "this gateway does not offer administration", step)
        return
    except ApiError as error:
        yield problem("database", str(error), "look at the log of the metadata service")
        return
    for finding in (*_schema(tables), *map(_endpoint, tables.endpoints)):
        yield finding
    try:
        seen = await store.admin.consistency(max_flows=max_flows, max_segments=max_segments)
    except ApiError as error:
        yield unchecked("consistency", str(error), "look at less: --max-flows, --max-segments")
        return
    for finding in _rows(seen):
        yield finding


def _schema(tables: Tables) -> list[Finding]:
    found = [
        problem("schema", f"{name} is missing", "restart the metadata service, which adds what is missing")
        for name in tables.missing
    ]
    foreign = [
        f"{table.name}.{column.name}" for table in tables.tables for column in table.columns if not column.own
    ]
    extra = f"; columns of others: {', '.join(foreign[:_SHOWN])}" if foreign else ""
    summary = f"{tables.engine} schema {tables.schema} has all that is needed{extra}"
    return found or [fine("schema", summary)]


def _endpoint(one: Endpoint) -> Finding:
    name = f"endpoint {one.address}"
    if one.out_of_use:
        step = "look whether it is up and reachable from the metadata service; it is tried again by itself"
        return problem("database", f"{name} does not answer; calls are kept off it", step)
    if one.error_rate > _FAILING:
        return problem(
            "database", f"{name} fails {one.error_rate:.0%} of calls", "look at its network and load"
        )
    if one.latency_seconds > _SLOW_SECONDS:
        summary = f"{name} takes {one.latency_seconds * 1000:.0f} ms on average"
        return problem("database", summary, "look at its network and load")
    return fine("database", f"{name} answers in {one.latency_seconds * 1000:.1f} ms on average")


def _rows(seen: Consistency) -> list[Finding]:
    some = "" if seen.complete else " (not all: raise --max-flows and --max-segments for more)"
    looked = f"looked at {seen.flows} flows and {seen.segments} segments{some}"
    step = "keep the database as it is and report this: rules of the store should make it impossible"
    found = [
        problem("consistency", f"{one.kind} {one.table} {one.id}: {one.summary}", step)
        for one in seen.inconsistencies[:_SHOWN]
    ]
    if len(seen.inconsistencies) > _SHOWN:
        more = len(seen.inconsistencies) - _SHOWN
        found.append(problem("consistency", f"{more} more of these", "see --json or /x/admin/consistency"))
    return found or [fine("consistency", f"{looked}: they agree")]
