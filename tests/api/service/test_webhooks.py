"""The registration of webhooks."""

import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.services.effort import examples
from tests.support.services.gateway import new_id, running_gateway


def a_webhook(**changes: Any) -> dict[str, Any]:
    return {"url": f"https://sink.example/{new_id()}", "events": ["flows/created"]} | changes


async def registered(tams: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    return [webhook for webhook in (await tams.get("/service/webhooks")).json() if webhook["url"] == url]


async def test_a_registration_is_listed_without_the_value_of_its_key(tams: httpx.AsyncClient) -> None:
    webhook = a_webhook(
        api_key_name="X-Key",
        api_key_value="secret",
        flow_ids=[new_id()],
        source_ids=[],
        flow_collected_by_ids=[new_id()],
        source_collected_by_ids=[new_id()],
        accept_get_urls=[],
        accept_storage_ids=[new_id()],
        presigned=False,
        verbose_storage=True,
    )
    response = await tams.post("/service/webhooks", json=webhook)
    assert response.status_code == 201
    del webhook["api_key_value"]
    assert response.json() == webhook
    assert await registered(tams, webhook["url"]) == [webhook]


async def test_a_registration_with_the_same_url_and_key_replaces_the_first(tams: httpx.AsyncClient) -> None:
    webhook = a_webhook(api_key_name="K", api_key_value="v")
    await tams.post("/service/webhooks", json=webhook)
    more = webhook | {"events": ["flows/created", "sources/deleted"], "flow_ids": [new_id()]}
    assert (await tams.post("/service/webhooks", json=more)).status_code == 201
    (listed,) = await registered(tams, webhook["url"])
    assert (listed["events"], listed["flow_ids"]) == (more["events"], more["flow_ids"])
    for other in ({"api_key_value": "w"}, {"api_key_name": "L"}):
        assert (await tams.post("/service/webhooks", json=webhook | other)).status_code == 201
    assert len(await registered(tams, webhook["url"])) == 3


async def test_a_registration_without_events_removes_the_webhook(tams: httpx.AsyncClient) -> None:
    webhook = a_webhook(api_key_name="K", api_key_value="v")
    await tams.post("/service/webhooks", json=webhook)
    other = webhook | {"events": [], "api_key_value": "w"}
    assert (await tams.post("/service/webhooks", json=other)).status_code == 204
    assert len(await registered(tams, webhook["url"])) == 1
    for _ in range(2):
        removed = await tams.post("/service/webhooks", json=webhook | {"events": []})
        assert (removed.status_code, removed.content) == (204, b"")
        assert await registered(tams, webhook["url"]) == []


# The URL of a webhook, and the name and value of its key.
Identity = tuple[str, tuple[str, str]]

KEYS = st.sampled_from([("", ""), ("K", "v"), ("K", "w"), ("L", "v")])
EVENTS = st.lists(st.sampled_from(["flows/created", "sources/deleted"]), unique=True)
FILTERS = st.fixed_dictionaries({}, optional={"flow_ids": st.just([]), "presigned": st.booleans()})


def sorted_texts(webhooks: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(webhook, sort_keys=True) for webhook in webhooks)


@examples(15, vast=4)
@given(st.lists(st.tuples(st.sampled_from("ab"), KEYS, EVENTS, FILTERS), min_size=4, max_size=12))
async def test_the_list_has_the_webhooks_that_were_registered_and_not_removed(
    tams: httpx.AsyncClient, drawn: list[tuple[str, tuple[str, str], list[str], dict[str, object]]]
) -> None:
    prefix = f"https://sink.example/{new_id()}"
    expected: dict[Identity, dict[str, Any]] = {}

    async def post(identity: Identity, events: list[str], more: dict[str, Any]) -> None:
        url, (name, value) = identity
        shown = {"url": url, "events": events, **more} | ({"api_key_name": name} if name else {})
        response = await tams.post(
            "/service/webhooks", json=shown | ({"api_key_value": value} if name else {})
        )
        assert response.status_code == (201 if events else 204)
        expected.pop(identity, None)
        expected.update({identity: shown} if events else {})
        listed = (await tams.get("/service/webhooks")).json()
        own_webhooks = [webhook for webhook in listed if webhook["url"].startswith(prefix)]
        assert sorted_texts(own_webhooks) == sorted_texts(expected.values())

    for name, key, events, more in drawn:
        await post((f"{prefix}/{name}", key), events, more)
    for identity in list(expected):
        await post(identity, [], {})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"events": ["flows/exploded"]}, "$.events"),
        ({"events": "flows/created"}, "$.events"),
        ({"events": None}, "$.events"),
        ({"url": "ftp://sink.example/"}, "$.url"),
        ({"url": "sink"}, "$.url"),
        ({"url": None}, "$.url"),
        ({"url": "http://127.0.0.1/"}, "$.url"),
        ({"url": "http://169.254.169.254/latest"}, "$.url"),
        ({"flow_ids": ["x"]}, "$.flow_ids"),
        ({"source_ids": [1]}, "$.source_ids[0]"),
        ({"accept_storage_ids": ["x"]}, "$.accept_storage_ids"),
        ({"presigned": "yes"}, "$.presigned"),
        ({"api_key_name": "a b", "api_key_value": "x"}, "$.api_key_name"),
        ({"api_key_name": "a", "api_key_value": "x\r\ny: z"}, "$.api_key_value"),
    ],
)
async def test_an_invalid_registration_is_refused(
    tams: httpx.AsyncClient, change: dict[str, Any], path: str
) -> None:
    webhook = {name: value for name, value in (a_webhook() | change).items() if value is not None}
    response = await tams.post("/service/webhooks", json=webhook)
    assert response.status_code == 400
    assert response.json()["path"] == path or "missing" in response.json()["summary"]
    assert await registered(tams, webhook.get("url", "")) == []


async def test_the_service_announces_webhooks(tams: httpx.AsyncClient) -> None:
    assert {"name": "webhooks"} in (await tams.get("/service")).json()["event_stream_mechanisms"]


async def test_a_store_without_webhooks_has_no_paths_for_them(services: dict[str, str]) -> None:
    async with running_gateway(**services, webhooks=False) as tams:
        assert (await tams.get("/service")).json()["event_stream_mechanisms"] == []
        assert (await tams.get("/service/webhooks")).status_code == 404
        assert (await tams.post("/service/webhooks", json=a_webhook())).status_code == 404
