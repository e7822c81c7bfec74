"""The outbox by gRPC: refused requests, leases and keys, pulled events, and the wait for new ones."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tams.event.v1 import event_service_pb2 as events
from tams.event.v1 import webhook_service_pb2 as webhooks
from tams.event.v1.event_service_pb2_grpc import EventServiceStub
from tams.event.v1.webhook_pb2 import Webhook
from tams.event.v1.webhook_service_pb2_grpc import WebhookServiceStub

from services.shared.errors import FailedPrecondition, InvalidArgument
from services.shared.rpc.client import call, open_channel
from tests.support.metadata.flows import flow_id, source_id
from tests.support.services.metadata import put_flow, running_metadata

URL = "https://93.184.216.34/hook"
SECRET = "the value of the key"
HOOK = flow_id(1)
BAD_OWNERS = ["", " ", "two words", "new\nline", "ü", "x" * 201, "\x00"]


class Outbox:
    """A client of the events and webhooks of a store."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self._events = EventServiceStub(channel)
        self._webhooks = WebhookServiceStub(channel)

    async def __call__(self, method: str, **members: Any) -> Any:
        return await call(getattr(self._events, method), getattr(events, f"{method}Request")(**members))

    async def register(self, url: str = URL, *event_types: str) -> Webhook:
        webhook = Webhook(url=url, events=event_types, api_key_name="x-key")
        request = webhooks.RegisterWebhookRequest(webhook=webhook, api_key_value=SECRET)
        reply = await call(self._webhooks.RegisterWebhook, request)
        assert SECRET not in str(reply)
        registered: Webhook = reply.webhook
        return registered

    async def list(self) -> list[Webhook]:
        reply = await call(self._webhooks.ListWebhooks, webhooks.ListWebhooksRequest())
        assert SECRET not in str(reply)
        return list(reply.webhooks)


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    services = [
        events.DESCRIPTOR.services_by_name["EventService"],
        webhooks.DESCRIPTOR.services_by_name["WebhookService"],
    ]
    async with (
        running_metadata(tmp_path) as server,
        open_channel(f"127.0.0.1:{server.port}", services) as channel,
    ):
        yield Outbox(channel)


def calls(owner: str) -> list[tuple[str, dict[str, Any]]]:
    """The calls that name their owner."""
    return [
        ("LeaseWebhooks", {"owner": owner, "ttl_seconds": 30, "max_webhooks": 10}),
        ("ReleaseWebhooks", {"owner": owner}),
        ("PullEvents", {"owner": owner, "webhook_id": HOOK}),
        ("AcknowledgeEvents", {"owner": owner, "webhook_id": HOOK}),
    ]


@pytest.mark.parametrize("owner", BAD_OWNERS)
async def test_a_call_without_a_valid_owner_is_refused(outbox: Outbox, owner: str) -> None:
    await outbox.register(URL, "flows/created")
    for method, members in calls(owner):
        with pytest.raises(InvalidArgument) as caught:
            await outbox(method, **members)
        assert caught.value.reason == "BAD_OWNER"


@pytest.mark.parametrize(
    ("method", "members"),
    [
        ("LeaseWebhooks", {"ttl_seconds": 0}),
        ("LeaseWebhooks", {"ttl_seconds": -(2**31)}),
        ("LeaseWebhooks", {"max_webhooks": 0}),
        ("LeaseWebhooks", {"max_webhooks": -1}),
        ("PullEvents", {"after_id": -1}),
        ("PullEvents", {"max_events": -1}),
        ("PullEvents", {"max_bytes": -1}),
        ("PullEvents", {"wait_ms": -1}),
        ("PullEvents", {"key": "k" * 257}),
        ("PullEvents", {"webhook_id": ""}),
        ("PullEvents", {"webhook_id": "x" * 100_000}),
        ("AcknowledgeEvents", {"webhook_id": "no id"}),
        ("AcknowledgeEvents", {"settled_id": -1}),
        ("AcknowledgeEvents", {"behind": {"k": -1}}),
        ("AcknowledgeEvents", {"behind": {"k" * 257: 1}}),
        ("AcknowledgeEvents", {"behind": {str(number): 1 for number in range(1001)}}),
        ("AcknowledgeEvents", {"dead_letters": [events.DeadLetter(event_id=1)] * 1001}),
        ("AcknowledgeEvents", {"dead_letters": [events.DeadLetter(event_id=-1)]}),
        ("AcknowledgeEvents", {"dead_letters": [events.DeadLetter(attempts=-1)]}),
    ],
)
async def test_a_value_out_of_bounds_is_refused(outbox: Outbox, method: str, members: dict[str, Any]) -> None:
    valid = dict(calls("me"))[method]
    with pytest.raises(InvalidArgument):
        await outbox(method, **(valid | members))


@pytest.mark.parametrize("members", [{"after_id": -1}, {"wait_ms": -1}])
async def test_a_negative_event_id_or_wait_is_refused(outbox: Outbox, members: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument):
        await outbox("AwaitEvents", **members)


async def test_large_values_are_reduced(outbox: Outbox) -> None:
    webhook = await outbox.register(URL, "flows/created")
    (lease,) = (
        await outbox("LeaseWebhooks", owner="me", ttl_seconds=2**31 - 1, max_webhooks=2**31 - 1)
    ).leases
    assert (lease.webhook.id, lease.api_key_value) == (webhook.id, SECRET)
    largest = {"max_events": 2**31 - 1, "max_bytes": 2**31 - 1}
    assert not (await outbox("PullEvents", owner="me", webhook_id=webhook.id, **largest)).events


async def test_only_the_owner_of_the_lease_gets_the_key_and_the_events(outbox: Outbox) -> None:
    webhook = await outbox.register(URL, "flows/created")
    assert [webhook.id for webhook in await outbox.list()] == [webhook.id]
    lease = {"ttl_seconds": 30, "max_webhooks": 10}
    assert SECRET in str(await outbox("LeaseWebhooks", owner="first", **lease))
    assert not (await outbox("LeaseWebhooks", owner="second", **lease)).leases
    with pytest.raises(FailedPrecondition):
        await outbox("PullEvents", owner="second", webhook_id=webhook.id)


async def test_events_have_the_key_by_which_they_are_ordered(outbox: Outbox) -> None:
    webhook = await outbox.register(URL, "flows/created", "sources/created")
    await outbox("LeaseWebhooks", owner="me", ttl_seconds=30, max_webhooks=10)
    await put_flow(outbox.channel, flow_id(1), source_id=source_id(1))
    pulled = (await outbox("PullEvents", owner="me", webhook_id=webhook.id)).events
    assert {event.WhichOneof("change"): event.key for event in pulled} == {
        "flow_created": flow_id(1),
        "source_created": source_id(1),
    }


async def test_a_pull_ends_at_its_limit_of_bytes(outbox: Outbox) -> None:
    webhook = await outbox.register(URL, "flows/created")
    await outbox("LeaseWebhooks", owner="me", ttl_seconds=30, max_webhooks=10)
    for number in (1, 2, 3):
        await put_flow(outbox.channel, flow_id(number), description="x" * 1000)
    after, counts = 0, []
    while reply := await outbox(
        "PullEvents", owner="me", webhook_id=webhook.id, after_id=after, max_bytes=1500
    ):
        if not reply.events:
            break
        counts.append(len(reply.events))
        after = reply.seen_id
    assert counts == [1, 1, 1]


@pytest.mark.parametrize("max_bytes", [0, 2**31 - 1])
async def test_a_pull_has_at_most_four_mebibytes(outbox: Outbox, max_bytes: int) -> None:
    webhook = await outbox.register(URL, "flows/created")
    await outbox("LeaseWebhooks", owner="me", ttl_seconds=30, max_webhooks=10)
    for number in range(1, 6):
        await put_flow(outbox.channel, flow_id(number), description="x" * 1_000_000)
    assert (
        len((await outbox("PullEvents", owner="me", webhook_id=webhook.id, max_bytes=max_bytes)).events) == 4
    )


async def test_a_wait_ends_with_an_event_or_a_changed_registration(outbox: Outbox) -> None:
    await outbox.register(URL, "flows/created")
    assert (await outbox("AwaitEvents", wait_ms=0)).last_id == 0

    async def await_change(change: Any) -> Any:
        waiting = asyncio.create_task(outbox("AwaitEvents", wait_ms=30_000, after_id=after))
        # A registration that changes before the call arrives does not end the wait.
        while not waiting.done():
            await change()
            await asyncio.sleep(0.05)
        return await waiting

    after = 0
    news = await await_change(lambda: put_flow(outbox.channel, flow_id(1)))
    assert (news.last_id > 0, news.registrations_changed) == (True, False)
    after = news.last_id + 1000
    assert (await await_change(lambda: outbox.register(URL))).registrations_changed


@pytest.mark.parametrize("scheme", ["HTTP", "Http", "hTTpS"])
async def test_schemes_of_urls_are_stored_in_lower_case(outbox: Outbox, scheme: str) -> None:
    registered = f"{scheme}://93.184.216.34/Path"
    served = f"{scheme.lower()}://93.184.216.34/Path"
    assert (await outbox.register(registered, "flows/created")).url == served
    await outbox.register(served, "flows/updated")
    assert [(webhook.url, list(webhook.events)) for webhook in await outbox.list()] == [
        (served, ["flows/updated"])
    ]
    await outbox.register(registered)
    assert await outbox.list() == []


async def test_a_forbidden_address_is_refused_with_the_setting_that_allows_it(outbox: Outbox) -> None:
    for host in ("127.0.0.1:9000", "localhost", "10.0.0.1", "[::1]", "169.254.169.254"):
        with pytest.raises(InvalidArgument, match="TAMS_WEBHOOK_NETWORKS"):
            await outbox.register(f"http://{host}/", "flows/created")
