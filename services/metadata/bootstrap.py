"""Builds the metadata service; the only module that imports all its parts."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final, NamedTuple, Protocol

from services.access.attempts import Attempts as RefusedChanges
from services.access.process import guard_of, open_access
from services.metadata.adapters.measured_store import MeasuredStore
from services.metadata.adapters.sqlite.administration.administration import SqliteAdministration
from services.metadata.adapters.sqlite.administration.examination import SqliteExamination
from services.metadata.adapters.sqlite.store import SqliteStore, open_store
from services.metadata.application.accounts.api_keys import ApiKeys
from services.metadata.application.accounts.attempts import Attempts
from services.metadata.application.accounts.checks import StoredAccounts
from services.metadata.application.accounts.last_uses import LastUses
from services.metadata.application.accounts.own_password import OwnPassword
from services.metadata.application.accounts.passwords import Passwords, open_passwords
from services.metadata.application.accounts.renewals import Renewals
from services.metadata.application.accounts.users import Users
from services.metadata.application.accounts.verification import Verification
from services.metadata.application.administration.administration import TableAdministration
from services.metadata.application.administration.consistency import Consistency
from services.metadata.application.audit.audit_log import AuditLog
from services.metadata.application.audit.journal import Journal
from services.metadata.application.audit.numbering import Numbering
from services.metadata.application.audit.refusals import Refusals
from services.metadata.application.audit.retention import Retention
from services.metadata.application.classes.store import ClassedStore
from services.metadata.application.clock import AuditedClock, Clock, utc_now
from services.metadata.application.delete_options import TrashRules
from services.metadata.application.deletion_requests import Deletions
from services.metadata.application.flows.flows import Flows
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.application.objects.accesses import Accesses
from services.metadata.application.objects.copies import ObjectCopies
from services.metadata.application.objects.idle_copies import IdleCopies
from services.metadata.application.objects.objects import Objects
from services.metadata.application.objects.places import Places
from services.metadata.application.objects.storage_backends import StorageBackends
from services.metadata.application.objects.unused_objects import UnusedObjects
from services.metadata.application.ports import Store
from services.metadata.application.ports.administration import Administration
from services.metadata.application.ports.examination import Examination
from services.metadata.application.segments.live_feeds import LiveFeeds
from services.metadata.application.segments.loops import Loops
from services.metadata.application.segments.segments import Segments
from services.metadata.application.service.measures import SECONDS, VAST_SECONDS, StoreMeasures
from services.metadata.application.service.service_info import ServiceInfos
from services.metadata.application.service.status import StoreStatus
from services.metadata.application.service.upkeep import Step, Upkeep
from services.metadata.application.sources.sources import Sources
from services.metadata.application.trash.cascades import Cascades
from services.metadata.application.trash.trash import Trash
from services.metadata.application.webhooks.commit_signal import CommitSignal, NotifyingStore
from services.metadata.application.webhooks.deliveries import Deliveries
from services.metadata.application.webhooks.webhooks import Webhooks
from services.metadata.domain.objects.external_url import url_schemes
from services.metadata.servicers import (
    administration,
    deletion_requests,
    events,
    flows,
    loads,
    object_copies,
    objects,
    segments,
    service_info,
    sources,
    status,
    trash,
    webhooks,
)
from services.metadata.servicers.accounts import api_keys, credentials, users
from services.metadata.servicers.audit import audit
from services.metadata.servicers.audit.refusals import note_refused
from services.metadata.settings import PREFIX, Settings
from services.shared.addresses import Addresses
from services.shared.process.background import background
from services.shared.process.runtime import open_runtime
from services.shared.process.telemetry import open_telemetry
from services.shared.rpc.server import Registration, RpcServer, serving
from services.shared.store_url import is_vast, sqlite_path
from services.shared.telemetry.metrics import Metrics

# On VAST each renewal of a lease takes five requests, so leases are renewed less often.
_LEASE_MARGIN_SECONDS: Final = 15


class _Shared(NamedTuple):
    """The parts that most services of the process use. `store` is `engine`, measured."""

    settings: Settings
    engine: "_Opened"
    store: Store
    committed: CommitSignal
    clock: Clock
    deleting: Deletions
    metrics: Metrics

    @property
    def notifying(self) -> ClassedStore:
        """The store for rules of callers: it wakes those that wait for events."""
        return ClassedStore(NotifyingStore(self.store, self.committed))


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[RpcServer]:
    """The metadata service, which serves until the block ends. StartupError if it cannot start."""
    async with AsyncExitStack() as stack:
        telemetry = await stack.enter_async_context(open_telemetry("metadata", settings))
        await stack.enter_async_context(open_runtime(settings, PREFIX, telemetry))
        engine = await stack.enter_async_context(_open_store(settings, telemetry.metrics))
        shared = _shared(settings, engine, clock, telemetry.metrics)
        store, clock, ready = shared.store, shared.clock, engine.ready
        audit_log, refused = AuditLog(store, clock), RefusedChanges()
        refusals = Refusals(refused) if settings.audited else None
        passwords = stack.enter_context(open_passwords())
        uses, renewals = LastUses(store), Renewals(store)
        verification = Verification(store, passwords, Attempts(), renewals)
        accounts = StoredAccounts(store, clock, verification, uses)
        registrations = [
            *_registrations(shared, refusals),
            *_account_registrations(store, clock, passwords, verification),
            credentials.registration(accounts),
        ]
        access = await stack.enter_async_context(open_access(settings, accounts, audit_log.record))
        guard = guard_of(access, registrations)
        note_error = None if refusals is None else note_refused(refusals)
        serving_calls = serving(
            settings, registrations, telemetry=telemetry, ready=ready, guard=guard, note_error=note_error
        )
        server = await stack.enter_async_context(serving_calls)
        reports = [refused.run(audit_log.record)] if settings.audited else []
        if telemetry.is_read:
            measured = StoreStatus(store, _administration(engine), clock)
            seconds = VAST_SECONDS if is_vast(settings.store_url) else SECONDS
            reports.append(StoreMeasures(measured, telemetry.metrics, seconds).run())
        further = _further_work(settings, shared.notifying, clock)
        upkeep = Upkeep(shared.notifying, clock, shared.deleting, *further)
        await stack.enter_async_context(
            background(upkeep.run(server.report, serving=ready), uses.run(), renewals.run(), *reports)
        )
        yield server


def _shared(settings: Settings, engine: "_Opened", clock: Clock, metrics: Metrics) -> _Shared:
    clock = AuditedClock(clock) if settings.audited else clock
    store, committed = _measured(settings, engine, metrics), CommitSignal()
    rules = TrashRules(settings.soft_delete, settings.trash_seconds)
    notifying = ClassedStore(NotifyingStore(store, committed))
    deleting = Deletions(notifying, clock, settings.deletion_budget_seconds, rules)
    return _Shared(settings, engine, store, committed, clock, deleting, metrics)


def _further_work(settings: Settings, store: Store, clock: Clock) -> Iterator[Step]:
    """The background work that only some stores have."""
    if settings.audited:
        yield Numbering(store).step
        yield Retention(store, clock, settings.audit_seconds).step
    if settings.loop_pause_seconds > 0:
        yield Loops(store, clock, settings.loop_pause_seconds).step


class _Opened(Store, Protocol):
    """A store whose tables may not be usable yet."""

    @property
    def ready(self) -> bool:
        """True if the tables can be used. Until then, all calls are Unavailable."""
        ...

    @property
    def waiting_writes(self) -> int:
        """The number of changes that wait to be committed."""
        ...


def _measured(settings: Settings, engine: _Opened, metrics: Metrics) -> Store:
    metrics.gauge(
        "tams_store_waiting_writes", "Changes that wait to be committed.", lambda: engine.waiting_writes
    )
    return MeasuredStore(engine, metrics, "vast" if is_vast(settings.store_url) else "sqlite")


def _open_store(settings: Settings, metrics: Metrics) -> AbstractAsyncContextManager[_Opened]:
    if not is_vast(settings.store_url):
        path = sqlite_path(settings.store_url)
        return open_store(
            path, settings.sqlite_synchronous, settings.max_waiting_writes, settings.sqlite_max_bytes, metrics
        )
    # The SDK takes seconds and 150 MB to load, and is an optional dependency.
    from services.metadata.adapters.vast.store import open_vast_store  # noqa: PLC0415
    from services.vast_client.cluster import cluster_of  # noqa: PLC0415

    return open_vast_store(
        cluster_of(settings, settings.vast_journal_dir, metrics=metrics),
        cache_entries=settings.vast_cache_entries,
        cache_seconds=settings.vast_cache_seconds,
        max_waiting=settings.max_waiting_writes,
        single_writer=settings.vast_single_writer,
        metrics=metrics,
    )


def _administration(store: Store) -> Administration:
    if isinstance(store, SqliteStore):
        return SqliteAdministration(store)
    from services.metadata.adapters.vast.administration.administration import VastAdministration  # noqa: PLC0415
    from services.metadata.adapters.vast.store import VastStore  # noqa: PLC0415

    assert isinstance(store, VastStore)  # noqa: S101 - _open_store opens one of the two
    return VastAdministration(store)


def _examination(store: Store) -> Examination:
    if isinstance(store, SqliteStore):
        return SqliteExamination(store)
    from services.metadata.adapters.vast.examination.examination import VastExamination  # noqa: PLC0415
    from services.metadata.adapters.vast.store import VastStore  # noqa: PLC0415

    assert isinstance(store, VastStore)  # noqa: S101 - _open_store opens one of the two
    return VastExamination(store)


def _account_registrations(
    store: Store, clock: Clock, passwords: Passwords, verification: Verification
) -> list[Registration]:
    own = OwnPassword(store, clock, passwords, verification)
    return [
        users.registration(Users(store, clock, passwords), own),
        api_keys.registration(ApiKeys(store, clock)),
    ]


def _registrations(shared: _Shared, refusals: Refusals | None) -> list[Registration]:
    settings, engine, store, committed, clock, deleting, metrics = shared
    tables = _administration(engine)
    journal = Journal(store, clock)
    consistency = Consistency(store, tables, _examination(engine), journal=journal)
    addresses = Addresses.parse(settings.webhook_networks)
    margin = _LEASE_MARGIN_SECONDS if is_vast(settings.store_url) else 0
    registered = Webhooks(store, addresses, committed, clock)
    deliveries = Deliveries(store, clock, committed, registered, lease_margin_seconds=margin)
    seen, notifying = ClassedStore(store), shared.notifying
    schemes = url_schemes(settings.external_url_schemes)
    all_flows = Flows(notifying, clock, deleting)
    all_segments = Segments(notifying, clock, deleting, schemes, LiveFeeds(metrics))
    cascades = Cascades(notifying, clock, all_flows, all_segments, deleting.trash)
    return [
        sources.registration(Sources(notifying, clock), cascades),
        flows.registration(all_flows),
        segments.registration(all_segments, refusals),
        objects.registration(
            Objects(seen, clock),
            UnusedObjects(seen),
            StorageBackends(store),
            cascades,
            refusals,
            accesses=Accesses(store, clock),
            places=Places(store),
        ),
        object_copies.registration(ObjectCopies(seen, clock), IdleCopies(store, clock), refusals),
        trash.registration(Trash(notifying, clock, settings.deletion_budget_seconds)),
        deletion_requests.registration(deleting),
        service_info.registration(ServiceInfos(store, clock)),
        webhooks.registration(registered),
        events.registration(deliveries),
        loads.registration(BulkLoads(store, clock, schemes)),
        audit.registration(AuditLog(store, clock)),
        status.registration(StoreStatus(store, tables, clock)),
        administration.registration(TableAdministration(tables, journal), consistency),
    ]
