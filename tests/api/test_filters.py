"""Filters of flows and sources find what plain ones find, in pages of any size."""

from urllib.parse import quote, quote_plus

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.support.effort import examples
from tests.support.flow_pool import CODECS, LABELS, TAG_NAMES, TAG_VALUES, FlowPool, has_members, has_tags
from tests.support.flows import FORMATS
from tests.support.walking import items_of, walk
from tests.support.written_ranges import ranges

SECOND = 1_000_000_000
MOMENTS = [SECOND * second + by for second in range(-1, 13) for by in (-1, 0, 1)]


def some_of(**values):
    return st.fixed_dictionaries({}, optional=values)


FORMAT, LABEL = st.sampled_from(sorted(FORMATS.values())), st.sampled_from([*LABELS, "none"])
MEMBERS = {
    "flows": some_of(
        format=FORMAT,
        codec=st.sampled_from([*CODECS, "V/X", "/"]),
        label=LABEL,
        frame_width=st.sampled_from([1920, 640, 0]),
        frame_height=st.sampled_from([1080, 10**17]),
    ),
    "sources": some_of(format=FORMAT, label=LABEL),
}
NAMES, VALUES = st.sampled_from(TAG_NAMES), st.sampled_from(TAG_VALUES)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def pool(tams):
    filled = FlowPool(tams)
    await filled.fill()
    return filled


def as_params(members, tags, exists):
    return (
        {name: str(value) for name, value in members.items()}
        | {f"tag.{name}": value for name, value in tags.items()}
        | {f"tag_exists.{name}": str(has).lower() for name, has in exists.items()}
    )


async def check(tams, path, params, expected, limit):
    assert items_of(await tams.get(path, params={**params, "limit": "1000"})) == expected
    assert await walk(tams, path, params, limit) == expected


def strictly(text):
    return quote(text, safe="")


def in_hexadecimal(text):
    return "".join(f"%{byte:02x}" for byte in text.encode())


ENCODINGS = [strictly, quote_plus, in_hexadecimal]


@examples(40, vast=10)
@given(st.data())
async def test_members_and_content(tams, pool, data):
    kind = data.draw(st.sampled_from(["flows", "flows", "sources"]))
    members = data.draw(MEMBERS[kind])
    exists = data.draw(st.dictionaries(NAMES, st.booleans(), max_size=1))
    expected = [one for one in getattr(pool, kind) if has_members(one, members) and has_tags(one, {}, exists)]
    if kind == "flows":
        if (source := data.draw(st.none() | st.sampled_from(pool.sources))) is not None:
            members["source_id"] = source["id"]
        if (within := data.draw(st.none() | ranges(MOMENTS))) is not None:
            members["timerange"] = within.text
        expected = [
            one
            for one in expected
            if has_members(one, members | {"timerange": None}) and pool.has_content(one, within)
        ]
    limit = data.draw(st.integers(1, len(expected) + 1))
    await check(tams, f"/{kind}", as_params(members, pool.mark, exists), expected, limit)


@examples(60, vast=12)
@given(st.data())
async def test_tags(tams, pool, data):
    kind = data.draw(st.sampled_from(["flows", "sources"]))
    resources = getattr(pool, kind)
    # Some tags that one of them has, so that not every search is in vain.
    held = data.draw(st.sampled_from(resources)).get("tags", {})
    shared = dict(list(held.items())[: data.draw(st.integers(0, 2))])
    wanted = shared | data.draw(st.dictionaries(NAMES, VALUES, max_size=1)) | pool.mark
    exists = data.draw(st.dictionaries(NAMES, st.booleans(), max_size=3))
    expected = [one for one in resources if has_tags(one, wanted, exists)]
    params, written = as_params({}, wanted, exists), data.draw(st.sampled_from(ENCODINGS))
    query = "&".join(f"{written(name)}={written(value)}" for name, value in params.items())
    assert items_of(await tams.get(f"/{kind}?limit=1000&{query}")) == expected
    assert await walk(tams, f"/{kind}", params, 2) == expected


@pytest.mark.parametrize("kind", ["flows", "sources"])
async def test_every_limit(tams, pool, kind):
    expected = getattr(pool, kind)
    for limit in range(1, len(expected) + 2):
        assert await walk(tams, f"/{kind}", as_params({}, pool.mark, {}), limit) == expected
    # Whatever other tests have stored.
    assert await walk(tams, f"/{kind}", {}, 61) == await walk(tams, f"/{kind}", {}, 1000)
