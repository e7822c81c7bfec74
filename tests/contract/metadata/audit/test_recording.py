"""The entries of the audit log that changes write."""

import json
from collections.abc import Iterator

import pytest

from services.metadata.application.accounts.api_keys import ApiKeys
from services.metadata.application.accounts.passwords import open_passwords
from services.metadata.application.accounts.users import Users
from services.metadata.application.administration.administration import TableAdministration
from services.metadata.application.audit.journal import Journal
from services.metadata.application.audit.numbering import Numbering
from services.metadata.application.audit.retention import Retention
from services.metadata.application.clock import AuditedClock
from services.metadata.application.delete_options import DeleteOptions
from services.metadata.application.deletion_requests import SLICE
from services.metadata.application.loads.batches import Batch
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.application.objects.reservation import Reservation
from services.metadata.application.ports import Store, Tables
from services.metadata.application.service.service_info import ServiceInfos
from services.metadata.application.service.upkeep import Upkeep
from services.metadata.application.webhooks.commit_signal import CommitSignal
from services.metadata.application.webhooks.webhooks import Webhooks
from services.metadata.bootstrap import _administration
from services.metadata.domain.audit import Entry, EntryFilter, Outcome
from services.metadata.domain.load import Kind
from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.property import PropertyChange
from services.metadata.domain.webhooks.webhook import Webhook
from services.shared.access import caller
from services.shared.access.principal import Principal, Scope
from services.shared.addresses import Addresses
from services.shared.errors import FailedPrecondition, NotFound, PermissionDenied, Unavailable
from services.shared.ids import new_uuid
from services.shared.process import logs
from services.shared.timerange import TimeRange
from tests.support.metadata.flows import a_flow, encoded, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment, an_object

SECRET = "planted-secret"
FLOW, SOURCE = f"flow:{flow_id(1)}", f"source:{source_id(1)}"


@pytest.fixture(autouse=True)
def alice() -> Iterator[None]:
    principal = caller.principal.set(Principal.of("user:alice", [Scope.WRITE]))
    request = logs.request_id.set("request-1")
    yield
    logs.request_id.reset(request)
    caller.principal.reset(principal)


@pytest.fixture
def audited(store: Store) -> Metadata:
    return Metadata(store, audited=True)


async def entries(store: Store) -> list[Entry]:
    await Numbering(store).finish()
    return await store.scan(lambda tables: tables.audit.page(EntryFilter(), None, 1000, newest_first=False))


async def actions(store: Store) -> list[tuple[str, str]]:
    return [(entry.action, entry.resource) for entry in await entries(store)]


async def facts(store: Store, action: str) -> list[dict[str, object]]:
    return [json.loads(entry.facts) for entry in await entries(store) if entry.action == action]


async def test_an_entry_says_who_did_what_and_when(store: Store, audited: Metadata) -> None:
    document = await audited.put(a_flow(1))
    changed = await audited.put(document | {"label": "new"})
    source, created, replaced = await entries(store)
    assert (source.action, source.resource) == ("sources.create", SOURCE)
    assert (created.principal, created.request_id, created.action) == ("user:alice", "request-1", "flows.put")
    assert created.resource == FLOW
    assert created.time_ns == int(audited.now.timestamp()) * 10**9
    assert (created.before, created.after) == (None, document["metadata_version"])
    assert (replaced.before, replaced.after) == (document["metadata_version"], changed["metadata_version"])
    assert replaced.outcome is Outcome.DONE


async def test_all_changes_of_flows_sources_and_segments_are_recorded(
    store: Store, audited: Metadata
) -> None:
    await audited.put(a_flow(1))
    await audited.flows.update(flow_id(1), [PropertyChange("label", None, b'"new"')])
    await audited.sources.update(source_id(1), [PropertyChange(None, "tag", b'"value"')])
    await audited.register(1, a_segment(0, 10), a_segment(5, 15), a_segment(20, 30))
    await audited.unregister(1, TimeRange(0, 10))
    await audited.flows.delete(flow_id(1))
    assert await actions(store) == [
        ("sources.create", SOURCE),
        ("flows.put", FLOW),
        ("flows.update", FLOW),
        ("sources.update", SOURCE),
        ("segments.put", FLOW),
        ("segments.delete", FLOW),
        ("sources.delete", SOURCE),
        ("flows.delete", FLOW),
    ]
    assert await facts(store, "flows.update") == [{"members": ["label"]}]
    assert await facts(store, "sources.update") == [{"members": ["tags"]}]
    assert await facts(store, "segments.put") == [{"count": 2, "span": "[0:0_0:30)", "refused": 1}]
    assert await facts(store, "segments.delete") == [{"count": 1, "span": "[0:0_0:10)"}]


async def test_reserved_objects_are_recorded_with_their_number(store: Store, audited: Metadata) -> None:
    await audited.put(a_flow(1))
    await audited.objects.reserve(flow_id(1), [an_object("a"), an_object("b")])
    assert (await actions(store))[-1] == ("objects.reserve", FLOW)
    assert await facts(store, "objects.reserve") == [{"count": 2}]


async def test_reservations_that_were_made_together_are_recorded_with_the_request_of_each(
    store: Store, audited: Metadata
) -> None:
    await audited.put_flows((1, 2))
    outcomes = await audited.objects.reserve_many(
        [
            Reservation(flow_id(1), [an_object("a"), an_object("b")], "request-2"),
            Reservation(flow_id(9), [an_object("c")], "request-3"),
            Reservation(flow_id(2), [an_object("d")], "request-4"),
            Reservation(flow_id(2), [an_object("e")]),
        ]
    )
    assert [isinstance(outcome, NotFound) for outcome in outcomes] == [False, True, False, False]
    recorded = [entry for entry in await entries(store) if entry.action == "objects.reserve"]
    assert [(entry.resource, entry.request_id, json.loads(entry.facts)) for entry in recorded] == [
        (FLOW, "request-2", {"count": 2}),
        (f"flow:{flow_id(2)}", "request-4", {"count": 1}),
        (f"flow:{flow_id(2)}", "request-1", {"count": 1}),
    ]
    assert {entry.principal for entry in recorded} == {"user:alice"}


async def test_the_end_of_a_long_deletion_is_recorded(store: Store, audited: Metadata) -> None:
    await audited.put(a_flow(1))
    await audited.register(1, *(a_segment(start, start + 1) for start in range(SLICE + 1)))
    await audited.unregister(1)
    (deleted,) = await facts(store, "segments.delete")
    (ended,) = [entry for entry in await entries(store) if entry.action == "deletions.finish"]
    assert ended.resource == f"deletion:{deleted['deletion']}"
    assert json.loads(ended.facts) == {"flow": flow_id(1)}


async def test_the_trash_is_recorded(store: Store, audited: Metadata) -> None:
    await audited.put(a_flow(1))
    await audited.flows.delete(flow_id(1), DeleteOptions(soft=True))
    (deleted,) = await facts(store, "flows.delete")
    await audited.trash.restore_flow(flow_id(1))
    await audited.flows.delete(flow_id(1), DeleteOptions(soft=True))
    _, again = await facts(store, "flows.delete")
    await audited.trash.purge(str(again["trash"]))
    found = await actions(store)
    assert found[2:] == [
        ("sources.delete", SOURCE),
        ("flows.delete", FLOW),
        ("sources.create", SOURCE),
        ("trash.restore", FLOW),
        ("sources.delete", SOURCE),
        ("flows.delete", FLOW),
        ("trash.purge", FLOW),
        ("trash.purged", FLOW),
    ]
    assert await facts(store, "trash.restore") == [{"trash": deleted["trash"]}]


async def test_loads_are_recorded_batch_by_batch(store: Store, audited: Metadata) -> None:
    loads = BulkLoads(store, audited.clock)
    load = new_uuid()
    await loads.start(load, Kind.FLOWS)
    rows = b"[" + b",".join(encoded(a_flow(number)) for number in (1, 2)) + b"]"
    await loads.load(Batch(load, 0, rows))
    await loads.roll_back(load)
    recorded = await actions(store)
    assert recorded[:2] == [("loads.start", f"load:{load}"), ("loads.load", f"load:{load}")]
    assert {action for action, _ in recorded[2:]} == {"loads.roll_back"}
    assert await facts(store, "loads.load") == [{"kind": "flows", "rows": 2, "inserted": 2}]


async def test_webhooks_and_service_info_are_recorded(store: Store, audited: Metadata) -> None:
    addresses = Addresses.parse("")
    webhooks = Webhooks(store, addresses, CommitSignal(), audited.clock)
    webhook = Webhook("", f"https://93.184.216.34/{SECRET}", ["flows/created"], "key", SECRET)
    stored = await webhooks.register(webhook)
    assert stored is not None
    await webhooks.register(Webhook("", webhook.url, [], "key", SECRET))
    await ServiceInfos(store, audited.clock).update(SECRET, None)
    resource = f"webhook:{stored.id}"
    assert await actions(store) == [
        ("webhooks.put", resource), ("webhooks.delete", resource), ("service.update", "service"),
    ]  # fmt: skip
    assert await facts(store, "service.update") == [{"members": ["name"]}]


async def test_administration_is_recorded_before_and_after_and_a_reset_keeps_the_log(
    store: Store, audited: Metadata
) -> None:
    tables = _administration(store)
    administration = TableAdministration(tables, Journal(store, audited.clock))
    await audited.put(a_flow(1))
    await administration.add_column("flows", "mine", "string", dry_run=True)
    await administration.add_column("flows", "mine", "string", dry_run=False)
    with pytest.raises(FailedPrecondition):
        await administration.reset(confirm="", dry_run=False)
    await administration.reset(confirm=tables.schema, dry_run=False)
    found = [(entry.action, entry.outcome) for entry in await entries(store)]
    assert found[2:] == [
        ("administration.add_column", Outcome.BEGUN),
        ("administration.add_column", Outcome.DONE),
        ("administration.reset", Outcome.BEGUN),
        ("administration.reset", Outcome.DONE),
    ]
    assert await audited.all_flows() == []


async def test_a_change_that_fails_in_the_journal_is_recorded_as_refused(
    store: Store, audited: Metadata
) -> None:
    journal = Journal(store, audited.clock)
    with pytest.raises(Unavailable):
        async with journal.entry("administration.reset", "schema:s"):
            raise Unavailable(SECRET, reason="STORE_REFUSED")
    begun, refused = await entries(store)
    assert (begun.outcome, refused.outcome) == (Outcome.BEGUN, Outcome.REFUSED)
    assert json.loads(refused.facts) == {"reason": "STORE_REFUSED"}


async def test_neither_a_change_nor_its_entry_is_stored_without_the_other(
    store: Store, audited: Metadata
) -> None:
    await audited.put(a_flow(1, read_only=True))
    before = await entries(store)
    with pytest.raises(PermissionDenied):
        await audited.put(a_flow(1, label="new"))
    assert await entries(store) == before

    def append_nothing(*_: object) -> None:
        raise Unavailable("the log is full")

    def change(tables: Tables) -> None:
        tables.service_info.put(tables.service_info.get()._replace(name="new"))
        append_nothing()

    with pytest.raises(Unavailable):
        await store.write(change)
    assert (await ServiceInfos(store).get()).name is None


async def test_entries_have_no_secrets(store: Store, audited: Metadata) -> None:
    flow = a_flow(1, label=SECRET, description=SECRET, tags={"key": SECRET})
    await audited.put(flow)
    await audited.flows.update(flow_id(1), [PropertyChange(None, "key", f'"{SECRET}2"'.encode())])
    await audited.sources.update(source_id(1), [PropertyChange("label", None, f'"{SECRET}"'.encode())])
    urls = (ExternalUrl(f"https://example.com/{SECRET}", label=SECRET),)
    await audited.register(1, a_segment(0, 10, external_urls=urls))
    await audited.flows.delete(flow_id(1))
    assert SECRET not in str(await entries(store))


async def test_a_store_without_an_audit_log_records_nothing(store: Store, metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    async with Journal(store, metadata.clock).entry("administration.reset", "schema:s"):
        pass
    assert await entries(store) == []


async def test_old_entries_are_deleted_by_upkeep(store: Store, audited: Metadata) -> None:
    await audited.put(a_flow(1))
    audited.pass_time(3600)
    await audited.put(a_flow(2))
    clock = AuditedClock(audited.clock)
    upkeep = Upkeep(store, clock, audited.deletions, Retention(store, clock, 3600).step)
    await upkeep.once()
    assert len(await entries(store)) == 4
    audited.pass_time(600)
    assert not await upkeep.once()
    assert {entry.resource for entry in await entries(store)} == {
        f"flow:{flow_id(2)}",
        f"source:{source_id(2)}",
    }


async def test_users_and_keys_are_recorded_without_their_secrets(store: Store, audited: Metadata) -> None:
    with open_passwords() as passwords:
        users, keys = Users(store, audited.clock, passwords), ApiKeys(store, audited.clock)
        await users.create("bob", f"{SECRET}-1", frozenset({Scope.READ}))
        await users.update("bob", password=f"{SECRET}-2", suspended=True)
        await users.delete("bob")
        key = await keys.create("ingest", frozenset({Scope.WRITE}), None)
        rotated = await keys.rotate(key.key.id)
        await keys.suspend(key.key.id, suspended=True)
        await keys.suspend(key.key.id, suspended=False)
        await keys.delete(key.key.id)
    assert await actions(store) == [
        *((f"users.{action}", "user:bob") for action in ("create", "update", "delete")),
        *(
            (f"keys.{action}", "key:ingest")
            for action in ("create", "rotate", "suspend", "activate", "delete")
        ),
    ]
    text = str(await entries(store))
    assert all(secret not in text for secret in (SECRET, key.text, rotated.text))
    assert await facts(store, "users.update") == [
        {"members": ["password", "suspended"], "scopes": ["read"], "classes": ["*"], "suspended": True}
    ]
