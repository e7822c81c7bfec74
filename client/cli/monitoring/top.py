"""`tams top`."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.live import Live

from client.api import builtins
from client.api.connection import open_http
from client.api.target import Target
from client.cli import exits
from client.cli.monitoring.panels import panels
from client.cli.monitoring.processes import local_store, named_urls, process_options
from client.cli.terminal.output import as_json, console, printable, write_json
from client.top.scraping import Scrape, scrape_all
from client.top.summing import view
from client.top.view import View

_SHORTEST_SECONDS: Final = 0.2
_LONGEST_SECONDS: Final = 3600.0

Show = Callable[[View], None]


@click.command()
@process_options
@click.option("--interval", type=click.FloatRange(_SHORTEST_SECONDS, _LONGEST_SECONDS), default=2.0,
              show_default=True, help="Seconds over which rates and latencies are measured.")  # fmt: skip
@click.option("--once", is_flag=True, help="Write one view after one interval, and end.")
@as_json
def top(*, metrics: tuple[str, ...], data_dir: Path, interval: float, once: bool, as_json: bool) -> None:
    """Show what a store does now: rates, latencies, errors, queues, feeds and processes.

    The figures come from the metrics of its processes: of the store of `tams up` on this machine, or of those
    at --metrics. Ctrl-C ends it. With --json and without --once, each view is a line.
    """
    if not once and not as_json and not sys.stdout.isatty():
        raise click.UsageError("there is no terminal to show it on; add --once or --json")
    urls = named_urls(metrics) or _local_urls(data_dir)
    try:
        asyncio.run(_run(urls, interval, once=once, as_json=as_json))
    except KeyboardInterrupt:
        if once:
            raise


def _local_urls(data_dir: Path) -> dict[str, str]:
    store = local_store(data_dir)
    if store is None:
        raise exits.Failed(
            f"no store of `tams up` runs in {data_dir}; name its --data-dir, or processes with --metrics",
            exits.UNREACHABLE,
        )
    if not store.metrics:
        raise exits.Failed("the store serves no metrics, as TAMS_METRICS_PORT=-1 says")
    return dict(store.metrics)


async def _run(urls: dict[str, str], interval: float, *, once: bool, as_json: bool) -> None:
    # The client of the API reaches loopback past a proxy; its target is not asked.
    async with open_http(Target("http://127.0.0.1")) as http:

        async def scrapes() -> list[Scrape]:
            return await scrape_all(http, urls)

        first = await scrapes()
        _check_any(first)
        if once:
            await asyncio.sleep(interval)
            _write(view(first, await scrapes()), as_json=as_json)
        elif as_json:
            await _repeat(first, scrapes, interval, _write_line)
        else:
            with Live(console=console(), screen=True, auto_refresh=False) as live:
                await _repeat(first, scrapes, interval, lambda seen: live.update(panels(seen), refresh=True))


async def _repeat(
    first: list[Scrape], scrapes: Callable[[], Awaitable[list[Scrape]]], interval: float, show: Show
) -> None:
    last = first
    show(view(last, last))
    while True:
        await asyncio.sleep(interval)
        now = await scrapes()
        show(view(last, now))
        last = now


def _check_any(scrapes: list[Scrape]) -> None:
    """Failed if no process answers."""
    if all(scrape.fault for scrape in scrapes):
        faults = "; ".join(f"{scrape.name}: {scrape.fault}" for scrape in scrapes[:5])
        raise exits.Failed(
            f"no process answers: {printable(faults)}; is the store running?", exits.UNREACHABLE
        )


def _write(seen: View, *, as_json: bool) -> None:
    if as_json:
        write_json(seen)
    else:
        out = console()
        out.width = max(out.width, 100)
        out.print(panels(seen))


def _write_line(seen: View) -> None:
    click.echo(msgspec.json.encode(builtins(seen)).decode())
    sys.stdout.flush()
