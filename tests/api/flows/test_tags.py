"""The tags of flows and sources."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.services.gateway import new_id

NAMES = [
    "plain",
    "a.b.c",
    "a..b",
    "a/b",
    "/",
    "//a//",
    "tags",
    "ü☃𝄞",
    "with blank",
    "50%",
    "%2F",
    "?#&=;,+",
    "'\"\\",
]


@pytest.fixture(params=["flows", "sources"])
def owner(request: pytest.FixtureRequest, flow: dict[str, Any]) -> str:
    """The path of the flow or of its source."""
    return f"/{request.param}/{flow['id' if request.param == 'flows' else 'source_id']}"


@pytest.mark.parametrize("name", NAMES)
async def test_a_tag_of_any_name_is_set_found_and_unset(
    tams: httpx.AsyncClient, owner: str, name: str
) -> None:
    path = f"{owner}/tags/{quote(name, safe='')}"
    assert (await tams.get(path)).status_code == 404
    assert (await tams.put(path, json="first")).status_code == 204
    assert (await tams.put(path, json="a value")).status_code == 204
    assert (await tams.get(path)).json() == "a value"
    assert (await tams.get(f"{owner}/tags")).json() == {name: "a value"}
    assert (await tams.get(owner)).json()["tags"] == {name: "a value"}
    kind = owner.split("/")[1]
    found = await tams.get(f"/{kind}?limit=1000&tag.{quote(name, safe='')}=a%20value")
    assert owner.split("/")[2] in [resource["id"] for resource in found.json()]
    exists = await tams.get(f"/{kind}?limit=1000&tag_exists.{quote(name, safe='')}=true")
    assert owner.split("/")[2] in [resource["id"] for resource in exists.json()]
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.delete(path)).status_code == 404
    assert (await tams.get(f"{owner}/tags")).json() == {}


async def test_a_slash_in_a_name_may_be_unescaped(tams: httpx.AsyncClient, owner: str) -> None:
    await tams.put(f"{owner}/tags/a/b", json="x")
    assert (await tams.get(f"{owner}/tags/a%2Fb")).json() == "x"


@pytest.mark.parametrize("name", ["a.b", "a/b", "100%", "a%2Fb", "\u00fc", "+", "a b", "a;b", "~"])
async def test_a_path_that_a_proxy_encoded_again_names_the_same_tag(
    tams: httpx.AsyncClient, owner: str, name: str
) -> None:
    # nginx decodes the path and then encodes only the characters that a path cannot have.
    path = f"{owner}/tags/{quote(name, safe='/+;~!$&()*,:=@')}"
    assert (await tams.put(path, json="x")).status_code == 204
    assert (await tams.get(f"{owner}/tags")).json() == {name: "x"}
    assert (await tams.get(f"{owner}/tags/{quote(name, safe='')}")).json() == "x"
    assert (await tams.delete(path)).status_code == 204


@pytest.mark.parametrize("name", ["", "%FF", "a%C3", "%ED%A0%80"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_tag_whose_name_is_empty_or_not_utf_8_is_not_found(
    tams: httpx.AsyncClient, owner: str, method: str, name: str
) -> None:
    response = await tams.request(method, f"{owner}/tags/{name}", json="x" if method == "PUT" else None)
    assert (response.status_code, response.json()["type"]) == (404, "TAG_NOT_FOUND")
    assert (await tams.get(f"{owner}/tags")).json() == {}


@pytest.mark.parametrize("body", [b"1", b"null", b'["a"]', b"x", b""])
async def test_a_tag_whose_value_is_not_a_text_is_refused(
    tams: httpx.AsyncClient, owner: str, body: bytes
) -> None:
    response = await tams.put(f"{owner}/tags/a", content=body)
    assert response.status_code == 400
    assert (await tams.get(f"{owner}/tags/a")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("kind", ["flows", "sources"])
async def test_tags_of_unknown_flows_and_sources_are_not_found(
    tams: httpx.AsyncClient, kind: str, method: str
) -> None:
    body = "x" if method == "PUT" else None
    assert (await tams.request(method, f"/{kind}/{new_id()}/tags/a", json=body)).status_code == 404


async def test_posted_tags_are_added_to_the_others(tams: httpx.AsyncClient, owner: str) -> None:
    await tams.put(f"{owner}/tags/kept", json="1")
    assert (await tams.post(f"/x{owner}/tags", json={"a/b": "2", "": "3"})).status_code == 204
    assert (await tams.get(f"{owner}/tags")).json() == {"kept": "1", "a/b": "2", "": "3"}


async def test_put_tags_replace_the_others_and_all_can_be_removed(
    tams: httpx.AsyncClient, owner: str
) -> None:
    await tams.put(f"{owner}/tags/old", json="1")
    assert (await tams.put(f"/x{owner}/tags", json={"new": "2"})).status_code == 204
    assert (await tams.get(f"{owner}/tags")).json() == {"new": "2"}
    for _ in range(2):
        assert (await tams.delete(f"/x{owner}/tags")).status_code == 204
        assert (await tams.get(f"{owner}/tags")).json() == {}


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("body", [{"a": 1}, [], "a", None, {"a": None}, {str(n): "" for n in range(1001)}])
async def test_invalid_tags_change_nothing(
    tams: httpx.AsyncClient, owner: str, method: str, body: object
) -> None:
    await tams.put(f"{owner}/tags/kept", json="1")
    assert (await tams.request(method, f"/x{owner}/tags", json=body)).status_code == 400
    assert (await tams.get(f"{owner}/tags")).json() == {"kept": "1"}


async def test_a_read_only_flow_refuses_changes_of_its_tags(
    tams: httpx.AsyncClient, read_only_flow: dict[str, Any]
) -> None:
    path = f"/x/flows/{read_only_flow['id']}/tags"
    answers = [
        await tams.put(path, json={}),
        await tams.post(path, json={"a": "b"}),
        await tams.post(path, json={}),
        await tams.delete(path),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
