"""Filters of flows and sources find the same as simple filters in Python, in pages of any size."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.support.http.walking import items_of, walk
from tests.support.metadata.flows import FORMATS
from tests.support.models.flow_pool import (
    CODECS,
    LABELS,
    TAG_NAMES,
    TAG_VALUES,
    FlowPool,
    has_members,
    has_tags,
)
from tests.support.models.written_ranges import ranges
from tests.support.services.effort import examples

SECOND = 1_000_000_000
MOMENTS = [SECOND * second + offset for second in range(-1, 13) for offset in (-1, 0, 1)]


def optional(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


FORMAT, LABEL = st.sampled_from(sorted(FORMATS.values())), st.sampled_from([*LABELS, "none"])
MEMBERS = {
    "flows": optional(
        format=FORMAT,
        codec=st.sampled_from([*CODECS, "V/X", "/"]),
        label=LABEL,
        frame_width=st.sampled_from([1920, 640, 0]),
        frame_height=st.sampled_from([1080, 10**17]),
    ),
    "sources": optional(format=FORMAT, label=LABEL),
}
NAMES, VALUES = st.sampled_from(TAG_NAMES), st.sampled_from(TAG_VALUES)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def pool(tams: httpx.AsyncClient) -> FlowPool:
    """The stored flows and sources that the filters are tried on."""
    pool = FlowPool(tams)
    await pool.fill()
    return pool


def query_params(
    members: Mapping[str, object], tags: Mapping[str, str], exists: Mapping[str, bool]
) -> dict[str, str]:
    return (
        {name: str(value) for name, value in members.items()}
        | {f"tag.{name}": value for name, value in tags.items()}
        | {f"tag_exists.{name}": str(has).lower() for name, has in exists.items()}
    )


async def check_listing(
    tams: httpx.AsyncClient, path: str, params: Mapping[str, str], expected: list[Any], limit: int
) -> None:
    assert items_of(await tams.get(path, params={**params, "limit": "1000"})) == expected
    assert await walk(tams, path, params, limit) == expected


def quote_everything(text: str) -> str:
    return quote(text, safe="")


def encode_every_byte(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


ENCODINGS: list[Callable[[str], str]] = [quote_everything, quote_plus, encode_every_byte]


@examples(40, vast=10)
@given(st.data())
async def test_filters_by_members_and_content_find_what_a_simple_filter_finds(
    tams: httpx.AsyncClient, pool: FlowPool, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(["flows", "flows", "sources"]))
    members = data.draw(MEMBERS[kind])
    exists = data.draw(st.dictionaries(NAMES, st.booleans(), max_size=1))
    expected = [
        resource
        for resource in getattr(pool, kind)
        if has_members(resource, members) and has_tags(resource, {}, exists)
    ]
    if kind == "flows":
        if (source := data.draw(st.none() | st.sampled_from(pool.sources))) is not None:
            members["source_id"] = source["id"]
        if (within := data.draw(st.none() | ranges(MOMENTS))) is not None:
            members["timerange"] = within.text
        expected = [
            resource
            for resource in expected
            if has_members(resource, members | {"timerange": None}) and pool.has_content(resource, within)
        ]
    limit = data.draw(st.integers(1, len(expected) + 1))
    await check_listing(tams, f"/{kind}", query_params(members, pool.mark, exists), expected, limit)


@examples(60, vast=12)
@given(st.data())
async def test_filters_by_tags_find_what_a_simple_filter_finds(
    tams: httpx.AsyncClient, pool: FlowPool, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(["flows", "sources"]))
    resources = getattr(pool, kind)
    # Some tags of one resource are among the wanted ones, so that searches find something.
    held = data.draw(st.sampled_from(resources)).get("tags", {})
    shared = dict(list(held.items())[: data.draw(st.integers(0, 2))])
    tags = shared | data.draw(st.dictionaries(NAMES, VALUES, max_size=1)) | pool.mark
    exists = data.draw(st.dictionaries(NAMES, st.booleans(), max_size=3))
    expected = [resource for resource in resources if has_tags(resource, tags, exists)]
    params, encode = query_params({}, tags, exists), data.draw(st.sampled_from(ENCODINGS))
    query = "&".join(f"{encode(name)}={encode(value)}" for name, value in params.items())
    assert items_of(await tams.get(f"/{kind}?limit=1000&{query}")) == expected
    assert await walk(tams, f"/{kind}", params, 2) == expected


@pytest.mark.parametrize("kind", ["flows", "sources"])
async def test_every_limit_leads_to_the_same_items(
    tams: httpx.AsyncClient, pool: FlowPool, kind: str
) -> None:
    expected = getattr(pool, kind)
    for limit in range(1, len(expected) + 2):
        assert await walk(tams, f"/{kind}", query_params({}, pool.mark, {}), limit) == expected
    # Other tests may have stored flows, too.
    assert await walk(tams, f"/{kind}", {}, 61) == await walk(tams, f"/{kind}", {}, 1000)
