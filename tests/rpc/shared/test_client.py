import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from services.shared.errors import Unavailable
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.client import open_channel, service_config
from services.shared.rpc.server import RpcServer
from tests.rpc.shared.conftest import FLOWS, QUICK, Caller, echo, open_caller, serving_flows
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.processes.programs import next_line
from tests.support.rpc.names import answering_names


class Replica:
    """A service that answers with its name and counts its calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0

    async def __call__(self, text: str) -> str:  # noqa: ARG002
        self.calls += 1
        return self.name


@asynccontextmanager
async def two_replicas() -> AsyncIterator[tuple[Caller, RpcServer, RpcServer]]:
    """A client that is connected to two servers, and the servers."""
    first_replica, second_replica = Replica("one"), Replica("two")
    async with (
        serving_flows(first_replica) as first,
        serving_flows(second_replica) as second,
        open_caller(first.port, second.port) as caller,
    ):

        async def both_answer() -> bool:
            return {await caller.get("") for _ in range(4)} == {"one", "two"}

        await until(both_answer)
        yield caller, first, second


async def test_calls_are_sent_to_replicas_in_turn() -> None:
    async with two_replicas() as (caller, _, _):
        answers = Counter([await caller.get("") for _ in range(100)])
    assert answers == {"one": 50, "two": 50}


async def test_a_replica_that_is_not_serving_gets_no_calls_until_it_is() -> None:
    async with two_replicas() as (caller, first, _):
        await first.report(serving=False)

        async def only_second_answers() -> bool:
            return {await caller.get("") for _ in range(10)} == {"two"}

        async def both_answer() -> bool:
            return {await caller.get("") for _ in range(10)} == {"one", "two"}

        await until(only_second_answers)
        assert {await caller.get("") for _ in range(50)} == {"two"}
        await first.report(serving=True)
        await until(both_answer)


async def test_a_call_without_a_serving_replica_is_unavailable_and_hides_the_address() -> None:
    async with serving_flows(echo, ready=False) as server, open_caller(server.port) as caller:
        with pytest.raises(Unavailable) as caught:
            await caller.get("")
    assert "127.0.0.1" not in caught.value.summary
    assert str(server.port) not in caught.value.summary


async def test_a_call_to_a_stopped_server_is_unavailable() -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving_flows(echo))
        async with open_caller(server.port) as caller:
            assert await caller.get("here") == "here"
            await stack.aclose()
            with pytest.raises(Unavailable):
                await caller.get("")
            with pytest.raises(Unavailable):
                await caller.delete("")


async def test_a_service_that_starts_later_is_found() -> None:
    (port,) = free_ports(1)
    async with open_caller(port) as caller:
        with pytest.raises(Unavailable):
            await caller.get("")

        async def answers() -> bool:
            try:
                return await caller.get("here") == "here"
            except Unavailable:
                return False

        async with serving_flows(echo, ProcessSettings(port=port, drain_seconds=0, grace_seconds=0)):
            await until(answers)


async def count_calls(method: str) -> int:
    """The number of calls that arrive if the first is answered with UNAVAILABLE."""
    calls = 0

    async def behave(text: str) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Unavailable("not now")
        return text

    async with serving_flows(behave) as server, open_caller(server.port) as caller:
        try:
            await getattr(caller, method)("")
        except Unavailable:
            assert calls == 1
    return calls


async def test_only_idempotent_methods_are_repeated() -> None:
    assert await count_calls("get") == 2
    assert await count_calls("delete") == 1


REPLICA = """
import asyncio, sys
from services.shared.process.settings import ProcessSettings
from services.shared.process.settings import ProcessSettings
from tests.rpc.shared.conftest import echo, serving_flows

async def main():
    async with serving_flows(echo, ProcessSettings(port=int(sys.argv[1]))):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def two_processes() -> AsyncIterator[tuple[list[int], list[asyncio.subprocess.Process]]]:
    """The ports of two replicas in processes of their own, and the processes."""
    ports = free_ports(2)
    replicas = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", REPLICA, str(port), stdout=asyncio.subprocess.PIPE
        )
        for port in ports
    ]
    try:
        for replica in replicas:
            assert await next_line(replica.stdout) == b"ready\n"
        yield ports, replicas
    finally:
        for replica in replicas:
            if replica.returncode is None:
                replica.kill()
                await replica.wait()


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hanging"])
async def test_a_replica_without_answers_fails_no_idempotent_call(fault: signal.Signals) -> None:
    """Calls that a hanging replica has are repeated before their deadline."""
    async with two_processes() as (ports, replicas), open_caller(*ports) as caller:
        stop = asyncio.Event()
        done = Counter[int]()

        async def work(number: int) -> None:
            while not stop.is_set():
                assert await caller.get("text") == "text"
                done[number] += 1
                await asyncio.sleep(0.01)

        def all_have_done(count: int) -> bool:
            return all(done[number] >= count for number in range(8))

        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(work(number))
            await until(lambda: all_have_done(20))
            replicas[0].send_signal(fault)
            done.clear()
            await until(lambda: all_have_done(20))
            stop.set()


async def test_a_replica_that_is_added_to_the_name_is_found() -> None:
    """Servers end connections now and then, and callers that connect again look the name up."""
    first_replica, second_replica = Replica("one"), Replica("two")
    (port,) = free_ports(1)
    first, second = (replace(QUICK, host=host, port=port) for host in ("127.0.0.1", "127.0.0.2"))
    async with (
        serving_flows(first_replica, first),
        answering_names([first.host]) as (server, addresses),
        open_channel(f"dns://{server}/replicas.example:{port}", [FLOWS]) as channel,
    ):
        caller = Caller(channel)
        assert await caller.get("") == "one"
        async with serving_flows(second_replica, second):
            addresses.append(second.host)

            async def both_answer() -> bool:
                return {await caller.get("") for _ in range(4)} == {"one", "two"}

            await until(both_answer, pause=0.1)


def test_the_service_config_follows_the_protos() -> None:
    config = service_config([FLOWS])
    (method_config,) = config["methodConfig"]
    names = {name["method"] for name in method_config["name"]}
    assert {"GetFlow", "ListFlows", "PutFlow"} <= names
    assert "DeleteFlow" not in names
    assert config["healthCheckConfig"] == {"serviceName": FLOWS.full_name}
