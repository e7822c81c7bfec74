"""The figures of `tams top` as tables for a terminal."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from client.cli.terminal.output import printable, size
from client.top.view import Process, Traffic, View

# The rows of a table; the busiest are shown.
_ROWS: Final = 8
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400


def panels(seen: View) -> RenderableType:
    """All tables, one below the other. Those that have no rows are left out."""
    parts: list[RenderableType] = [
        _line("Store", _summary(seen)),
        _traffic("Requests", [seen.requests, *seen.routes[:_ROWS]]),
        _traffic("Calls", seen.calls[:_ROWS]),
        _line("Tables", _tables(seen)),
        _traffic("Tables", seen.tables.operations),
        _line("Media", _media(seen)),
        _traffic("Object storage", seen.media.operations[:_ROWS]),
        _line("Feeds", _feeds(seen)),
        _line("Webhooks", _webhooks(seen)),
        _line("Waiting", ", ".join(f"{kind} {count:.0f}" for kind, count in seen.backlog.items())),
        _processes(seen.processes),
    ]
    return Group(*(part for part in parts if not isinstance(part, Table) or part.row_count))


def _line(name: str, text: str) -> Text:
    return Text.assemble((f"{name:<10}", "bold"), printable(text or "-"))


def _summary(seen: View) -> str:
    down = sum(bool(process.fault) for process in seen.processes)
    return (
        f"{seen.time}, over {seen.seconds:.1f} s;"
        f" {len(seen.processes) - down} processes answer, {down} do not;"
        f" {seen.connections:.0f} connections, {size(int(seen.held_bytes))} held"
    )


def _tables(seen: View) -> str:
    tables = seen.tables
    writes = {None: "unknown", True: "taken", False: "REFUSED"}[tables.takes_writes]
    hits = "-" if tables.cache_hits is None else f"{tables.cache_hits:.0%}"
    free = "-" if tables.free_bytes is None else size(int(tables.free_bytes))
    return (
        f"writes {writes}, {tables.waiting_writes:.0f} wait; {_rate(tables.commits_per_second)} changes/s;"
        f" free {free}; cache hits {hits}{_ups(tables.endpoints)}"
    )


def _media(seen: View) -> str:
    media = seen.media
    return (
        f"allocated {_rate(media.allocated_per_second)}/s, URLs {_rate(media.signed_per_second)}/s,"
        f" ingested {size(int(media.ingested_bytes_per_second))}/s,"
        f" reclaimed {_rate(media.reclaimed_per_second)}/s{_ups(media.backends)}"
        + "".join(f"; {name} not asked" for name in media.open_circuits)
    )


def _ups(ups: dict[str, bool]) -> str:
    return "".join(f"; {name} {'up' if is_up else 'DOWN'}" for name, is_up in ups.items())


def _feeds(seen: View) -> str:
    feeds = seen.feeds
    return (
        f"{feeds.live:.0f} live, lag {_seconds(feeds.lag)}; {_rate(feeds.segments_per_second)} segments/s,"
        f" registered after p50 {_seconds(feeds.segment_p50)}, p99 {_seconds(feeds.segment_p99)}"
    )


def _webhooks(seen: View) -> str:
    hooks = seen.webhooks
    return (
        f"{hooks.subscribers:.0f} subscribers, {hooks.failing:.0f} fail;"
        f" delivered {_rate(hooks.delivered_per_second)}/s, failed {_rate(hooks.failed_per_second)}/s,"
        f" given up {_rate(hooks.given_up_per_second)}/s; p99 {_seconds(hooks.p99)};"
        f" lag {_seconds(hooks.lag)}; oldest event {_seconds(hooks.outbox_age)}"
    )


def _traffic(title: str, rows: Iterable[Traffic]) -> Table:
    table = _table((title, "per s", "refused", "failed", "p50", "p99"))
    for row in rows:
        table.add_row(
            printable(row.name),
            _rate(row.per_second),
            _rate(row.refused_per_second),
            Text(_rate(row.failed_per_second), style="bold red" if row.failed_per_second else ""),
            _seconds(row.p50),
            _seconds(row.p99),
        )
    return table


def _processes(processes: Sequence[Process]) -> Table:
    table = _table(("Process", "CPU", "memory", "files", "in flight", "up for"))
    for process in processes:
        if process.fault:
            table.add_row(printable(process.name), Text(printable(process.fault), style="bold red"))
            continue
        table.add_row(
            printable(process.name),
            "-" if process.cpu is None else f"{process.cpu:.0%}",
            "-" if process.memory_bytes is None else size(int(process.memory_bytes)),
            _number(process.open_files),
            _number(process.in_flight),
            _duration(process.uptime),
        )
    return table


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(
            column,
            justify="right" if index else "left",
            min_width=40 if index == 0 else 9,
            no_wrap=True,
            overflow="ellipsis",
        )
    return table


def _rate(value: float) -> str:
    return f"{value:.1f}" if value else "0"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.1f} ms" if abs(value) < 1 else f"{value:.1f} s"


def _duration(value: float | None) -> str:
    if value is None:
        return "-"
    for unit, seconds in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if value >= seconds:
            return f"{value / seconds:.1f} {unit}"
    return f"{value:.0f} s"
