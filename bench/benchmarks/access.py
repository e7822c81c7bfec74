"""GET /flows/{id} of a store that checks who calls, compared with a store that does not."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import rounds
from bench.benchmarks import Options
from bench.corpus import flow_document, http_request
from bench.figure import AtLeast, Figure
from bench.load import Plan
from bench.rounds import Series, Side
from bench.running.secured import Pair, running_pair
from services.shared.ids import new_uuid

_FLOWS: Final = 256
_CONNECTIONS: Final = 16
_LEAST: Final = 0.9


async def run(options: Options, folder: Path) -> list[Figure]:
    """Requests per second with credentials of each kind, as a fraction of those without."""
    async with (
        running_pair(folder / "open", secured=False) as without,
        running_pair(folder / "secured", secured=True) as secured,
    ):
        flow_ids = [new_uuid() for _ in range(_FLOWS)]
        for pair in (without, secured):
            await pair.put_flows({flow_id: flow_document(flow_id) for flow_id in flow_ids})
        token, key = await _credentials(secured)
        found = await rounds.alternate(
            options.rounds,
            {
                "open": _side(without, flow_ids, options),
                "jwt": _side(secured, flow_ids, options, headers=secured.headers),
                "key": _side(secured, flow_ids, options, headers={"authorization": f"Bearer {key}"}),
                "url": _side(secured, flow_ids, options, query=f"?access_token={token}"),
            },
        )
    return [
        _figure("GET /flows/{id} with a JWT, 16 connections", found, "jwt"),
        _figure("GET /flows/{id} with an API key, 16 connections", found, "key"),
        _figure("GET /flows/{id} with a token in the URL, 16 connections", found, "url"),
    ]


async def _credentials(pair: Pair) -> tuple[str, str]:
    """A token for URLs and an API key."""
    async with pair.client() as client:
        token = await client.post("/x/tokens", json={"seconds": 3600})
        key = await client.post("/x/api-keys", json={"name": "bench", "scopes": ["read"]})
        for made in (token, key):
            made.raise_for_status()
        return str(token.json()["access_token"]), str(key.json()["key"])


def _side(
    pair: Pair,
    flow_ids: Sequence[str],
    options: Options,
    *,
    headers: Mapping[str, str] | None = None,
    query: str = "",
) -> Side:
    plan = Plan(
        port=pair.gateway.port,
        requests=[http_request("GET", f"/flows/{flow_id}{query}", headers=headers) for flow_id in flow_ids],
        connections=_CONNECTIONS,
        seconds=options.seconds,
        repeat=True,
    )
    return Side.of(plan, [pair.gateway, pair.metadata])


def _figure(name: str, found: Mapping[str, Series], side: str) -> Figure:
    return Figure(
        name=name,
        value=rounds.ratio(found[side], found["open"]),
        unit="x open",
        target=AtLeast(_LEAST),
        detail={kind: found[kind].detail() for kind in ("open", side)},
    )
