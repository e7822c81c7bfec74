"""Checks the tables of a store: their schema, their servers, and rows that contradict each other."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from client.api import ApiError, Forbidden, TamsClient
from client.api.tables import Consistency, Endpoint, Inconsistency, Tables
from client.doctor.findings import Finding, fine, problem, unchecked

_SHOWN: Final = 20
_MAX_FINDINGS: Final = 10_000
_UNFIT: Final = "create a correct table, copy the rows, and replace this table with it (docs/vast.md)"
_SLOW_SECONDS: Final = 0.25
# An endpoint is also slow if its latency is this many times the median, unless all endpoints are quick.
_SLOW_TIMES: Final = 5
_QUICK_SECONDS: Final = 0.02
_FAILING: Final = 0.1


class Scope(NamedTuple):
    """The rows to check, and whether to repair them; `confirm` is the name of the schema."""

    max_flows: int | None = None
    max_segments: int | None = None
    all: bool = False
    repair: bool = False
    confirm: str = ""


async def check(store: TamsClient, scope: Scope) -> AsyncIterator[Finding]:
    """Check the schema, the database servers and the rows."""
    try:
        tables = await store.admin.tables()
    except Forbidden:
        step = "set TAMS_GATEWAY_ADMIN=true at a gateway that only operators can reach, and use its URL"
        yield unchecked("database", "this gateway does not offer administration", step)
        return
    except ApiError as error:
        yield problem("database", str(error), "read the log of the metadata service")
        return
    median = _median_latency(tables.endpoints)
    for finding in (*_schema(tables), *(_endpoint(endpoint, median) for endpoint in tables.endpoints)):
        yield finding
    try:
        checked = await _check_rows(store, scope)
    except ApiError as error:
        if scope.repair:
            yield problem("repair", str(error), "fix this and repeat the repair; finished repairs stay")
        else:
            yield unchecked("consistency", str(error), "check fewer rows: --max-flows, --max-segments")
        return
    for finding in _rows(checked):
        yield finding


async def _check_rows(store: TamsClient, scope: Scope) -> Consistency:
    """The result of one call, or of all calls together."""
    limits = {"max_flows": scope.max_flows, "max_segments": scope.max_segments}
    inconsistencies: list[Inconsistency] = []
    flows = segments = 0
    complete, after = True, ""
    while True:
        if scope.repair:
            answer = await store.admin.repair(
                confirm=scope.confirm, dry_run=not scope.confirm, after=after, **limits
            )
        else:
            answer = await store.admin.consistency(after=after, **limits)
        inconsistencies += answer.inconsistencies[: _MAX_FINDINGS - len(inconsistencies)]
        flows, segments = flows + answer.flows, segments + answer.segments
        complete &= answer.complete or bool(answer.after)
        stuck = answer.after == after and not any(row.mended for row in answer.inconsistencies)
        after = answer.after
        if not after or not scope.all or stuck:
            return Consistency(
                inconsistencies=inconsistencies,
                flows=flows,
                segments=segments,
                complete=complete and not after,
            )


def _schema(tables: Tables) -> list[Finding]:
    problems = [
        problem("schema", f"{name} is missing", "restart the metadata service, which adds what is missing")
        for name in tables.missing
    ]
    problems += [problem("schema", text, _UNFIT) for text in tables.unfit]
    foreign = [
        f"{table.name}.{column.name}" for table in tables.tables for column in table.columns if not column.own
    ]
    extra = f"; foreign columns: {', '.join(foreign[:_SHOWN])}" if foreign else ""
    summary = f"{tables.engine} schema {tables.schema} is complete{extra}"
    return problems or [fine("schema", summary)]


def _median_latency(endpoints: Sequence[Endpoint]) -> float:
    """The median latency of the endpoints in use, in seconds; the lower of two middle values."""
    latencies = sorted(endpoint.latency_seconds for endpoint in endpoints if not endpoint.out_of_use)
    return latencies[(len(latencies) - 1) // 2] if latencies else 0.0


def _endpoint(endpoint: Endpoint, median: float) -> Finding:
    name = f"endpoint {endpoint.address}"
    if endpoint.out_of_use:
        step = "check that the metadata service can reach it; the service retries it by itself"
        return problem("database", f"{name} does not answer and gets no calls", step)
    if endpoint.error_rate > _FAILING:
        return problem(
            "database", f"{name} fails {endpoint.error_rate:.0%} of calls", "check its network and its load"
        )
    if endpoint.latency_seconds > min(_SLOW_SECONDS, max(_QUICK_SECONDS, _SLOW_TIMES * median)):
        average = f"{endpoint.latency_seconds * 1000:.0f} ms on average"
        summary = f"{name} is slow: {average}, the median is {median * 1000:.1f} ms"
        return problem("database", summary, "check its network and its load")
    return fine("database", f"{name} answers in {endpoint.latency_seconds * 1000:.1f} ms on average")


def _next_step(row: Inconsistency) -> str:
    if row.mendable:
        return "tams doctor --repair rewrites it from the rows it derives from"
    if row.advice:
        return row.advice
    if row.kind.startswith("DAMAGED"):
        return "the disk returned other bytes than were written: stop the store and restore a backup"
    return "keep the database as it is and report this: the rules of the store should make it impossible"


def _row(row: Inconsistency) -> Finding:
    summary = f"{row.kind} {row.table} {row.id}: {row.summary}"
    return (
        fine("consistency", f"repaired {summary}")
        if row.mended
        else problem("consistency", summary, _next_step(row))
    )


def _rows(checked: Consistency) -> list[Finding]:
    findings = [_row(row) for row in checked.inconsistencies[:_SHOWN]]
    omitted = len(checked.inconsistencies) - _SHOWN
    if omitted > 0:
        next_step = "see --json or /x/admin/consistency"
        findings.append(problem("consistency", f"{omitted} more inconsistent rows", next_step))
    partly = "" if checked.complete else " (--all checks the others)"
    summary = f"{checked.flows} flows and {checked.segments} segments are consistent{partly}"
    return findings or [fine("consistency", summary)]
