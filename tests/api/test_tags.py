"""Tags of sources and flows."""

from urllib.parse import quote

import pytest

from tests.support.gateway import new_id

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
def owner(request, flow):
    return f"/{request.param}/{flow['id' if request.param == 'flows' else 'source_id']}"


@pytest.mark.parametrize("name", NAMES)
async def test_a_tag_of_any_name_is_set_found_and_unset(tams, owner, name):
    path = f"{owner}/tags/{quote(name, safe='')}"
    assert (await tams.get(path)).status_code == 404
    assert (await tams.put(path, json="first")).status_code == 204
    assert (await tams.put(path, json="a value")).status_code == 204
    assert (await tams.get(path)).json() == "a value"
    assert (await tams.get(f"{owner}/tags")).json() == {name: "a value"}
    assert (await tams.get(owner)).json()["tags"] == {name: "a value"}
    kind = owner.split("/")[1]
    found = await tams.get(f"/{kind}?limit=1000&tag.{quote(name, safe='')}=a%20value")
    assert owner.split("/")[2] in [one["id"] for one in found.json()]
    exists = await tams.get(f"/{kind}?limit=1000&tag_exists.{quote(name, safe='')}=true")
    assert owner.split("/")[2] in [one["id"] for one in exists.json()]
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.delete(path)).status_code == 404
    assert (await tams.get(f"{owner}/tags")).json() == {}


async def test_a_slash_may_also_be_written_as_it_is(tams, owner):
    await tams.put(f"{owner}/tags/a/b", json="x")
    assert (await tams.get(f"{owner}/tags/a%2Fb")).json() == "x"


@pytest.mark.parametrize("name", ["", "%FF", "a%C3", "%ED%A0%80"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_tag_has_a_name_in_utf_8(tams, owner, method, name):
    response = await tams.request(method, f"{owner}/tags/{name}", json="x" if method == "PUT" else None)
    assert (response.status_code, response.json()["type"]) == (404, "TAG_NOT_FOUND")
    assert (await tams.get(f"{owner}/tags")).json() == {}


@pytest.mark.parametrize("body", [b"1", b"null", b'["a"]', b"x", b""])
async def test_a_tag_is_a_text(tams, owner, body):
    response = await tams.put(f"{owner}/tags/a", content=body)
    assert response.status_code == 400
    assert (await tams.get(f"{owner}/tags/a")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("kind", ["flows", "sources"])
async def test_nothing_has_no_tags(tams, kind, method):
    body = "x" if method == "PUT" else None
    assert (await tams.request(method, f"/{kind}/{new_id()}/tags/a", json=body)).status_code == 404


async def test_several_tags_are_set_besides_the_others(tams, owner):
    await tams.put(f"{owner}/tags/kept", json="1")
    assert (await tams.post(f"/x{owner}/tags", json={"a/b": "2", "": "3"})).status_code == 204
    assert (await tams.get(f"{owner}/tags")).json() == {"kept": "1", "a/b": "2", "": "3"}


async def test_all_tags_are_replaced_and_unset(tams, owner):
    await tams.put(f"{owner}/tags/old", json="1")
    assert (await tams.put(f"/x{owner}/tags", json={"new": "2"})).status_code == 204
    assert (await tams.get(f"{owner}/tags")).json() == {"new": "2"}
    for _ in range(2):
        assert (await tams.delete(f"/x{owner}/tags")).status_code == 204
        assert (await tams.get(f"{owner}/tags")).json() == {}


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("body", [{"a": 1}, [], "a", None, {"a": None}, {str(n): "" for n in range(1001)}])
async def test_wrong_tags_change_none(tams, owner, method, body):
    await tams.put(f"{owner}/tags/kept", json="1")
    assert (await tams.request(method, f"/x{owner}/tags", json=body)).status_code == 400
    assert (await tams.get(f"{owner}/tags")).json() == {"kept": "1"}


async def test_many_tags_of_a_read_only_flow_are_refused(tams, read_only_flow):
    path = f"/x/flows/{read_only_flow['id']}/tags"
    answers = [
        await tams.put(path, json={}),
        await tams.post(path, json={"a": "b"}),
        await tams.delete(path),
    ]
    assert [one.status_code for one in answers] == [403] * 3
