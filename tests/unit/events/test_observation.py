from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.events.application.failure_log import FailureLog
from services.events.application.observation import ObservedDeliveries
from services.events.application.ports import Undelivered
from services.events.application.subscriber.attempts import Attempts
from services.events.application.subscriber.health import SubscriberHealth
from services.events.domain.status import Summary
from services.events.domain.subscriber import Message, Settled, Subscriber
from services.shared.process.telemetry import Telemetry
from services.shared.telemetry.trace import Sampler, current
from tests.support.events.outbox import Events, MemoryOutbox, MemorySender, sharing, take
from tests.support.telemetry.spans import KeptSpans

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
# A webhook whose path is a secret, as that of chat services is, and whose key is one too.
ONE = Subscriber(
    "one", "https://hooks.example/planted-path?planted-query", {"key": "planted-key"}, Settled(0)
)


def message(traceparent: str = "", time_ns: int = 10**18) -> Message:
    return Message(7, "flow", time_ns, b"{}", traceparent)


async def refuse(_subscriber: Subscriber, _message: Message) -> None:
    raise Undelivered("answered 500", answered=True)


@asynccontextmanager
async def attempting(
    telemetry: Telemetry, answer: Callable[[Subscriber, Message], Awaitable[None]] = take
) -> AsyncIterator[Attempts]:
    observation = ObservedDeliveries(telemetry)
    environment = sharing(MemoryOutbox(Events()), MemorySender(answer), observation=observation)
    health = SubscriberHealth(environment.backoff, FailureLog(environment.lines, "one"))
    yield Attempts(environment, ONE, health)


def outcomes(telemetry: Telemetry) -> dict[str, float]:
    cells = telemetry.metrics.counters["tams_webhook_deliveries"].cells()
    return {labels[0]: cell.value for labels, cell in cells if cell.value}


async def test_a_delivery_belongs_to_the_trace_of_its_change() -> None:
    kept = KeptSpans()
    telemetry = Telemetry("events", Sampler(kept, 0.0))
    headers = []

    async def note(_subscriber: Subscriber, _message: Message) -> None:
        trace = current.get()
        assert trace is not None
        headers.append(trace.header())

    async with attempting(telemetry, note) as attempts:
        await attempts.send(message(f"00-{TRACE}-{PARENT}-01"))
    found = kept.named("send webhook")
    assert (found.kind, found.trace.trace_id, found.trace.parent_id) == ("PRODUCER", TRACE, PARENT)
    # The subscriber continues at the delivery.
    assert headers == [f"00-{TRACE}-{found.trace.span_id}-01"]
    assert current.get() is None
    assert "planted" not in repr(found.attributes)
    assert found.attributes["server.address"] == "hooks.example"


async def test_a_delivery_without_a_recorded_change_has_a_trace_of_its_own() -> None:
    kept = KeptSpans()
    async with attempting(Telemetry("events", Sampler(kept, 1.0))) as attempts:
        await attempts.send(message())
        await attempts.send(message())
    first, second = kept.spans
    assert (first.trace.parent_id, second.trace.parent_id) == ("", "")
    assert first.trace.trace_id != second.trace.trace_id


async def test_a_refusal_is_recorded_although_its_trace_is_not() -> None:
    kept = KeptSpans()
    async with attempting(Telemetry("events", Sampler(kept, 0.0)), refuse) as attempts:
        await attempts.send(message())
    found = kept.named("send webhook")
    assert found.failed
    assert found.attributes["tams.refusal"] == "answered 500"


async def test_outcomes_and_durations_are_counted() -> None:
    telemetry = Telemetry("events")
    async with attempting(telemetry) as attempts:
        await attempts.send(message())
        await attempts.send(message())
    async with attempting(telemetry, refuse) as attempts:
        await attempts.send(message())
        assert attempts.give_up_if_old(message(time_ns=1), 3)
    assert outcomes(telemetry) == {"delivered": 2, "failed": 1, "given_up": 1}
    ((_, durations),) = telemetry.metrics.histograms["tams_webhook_duration_seconds"].cells()
    assert sum(durations.counts) == 3


def test_the_lag_is_the_age_of_the_oldest_event_that_waits() -> None:
    assert Summary(2, 1, 5_000_000_000).lag_seconds(8_500_000_000) == 3.5
    assert Summary(2, 0, 0).lag_seconds(8_500_000_000) == 0
    # The clock of another machine may be ahead.
    assert Summary(2, 0, 9_000_000_000).lag_seconds(8_500_000_000) == 0
