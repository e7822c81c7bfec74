import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from services.shared.errors import Unavailable
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.client import service_config
from services.shared.rpc.server import RpcServer
from tests.rpc.shared.conftest import FLOWS, Caller, echo, open_caller, serving_flows
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.processes.programs import next_line


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


async def test_a_killed_replica_fails_no_idempotent_call() -> None:
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
        async with open_caller(*ports) as caller:
            stop = asyncio.Event()
            done = 0

            async def work() -> None:
                nonlocal done
                while not stop.is_set():
                    assert await caller.get("text") == "text"
                    done += 1

            async def more_than(count: int) -> bool:
                return done > count

            async with asyncio.TaskGroup() as group:
                for _ in range(8):
                    group.create_task(work())
                await until(lambda: more_than(200))
                replicas[0].kill()
                await replicas[0].wait()
                done_before = done
                await until(lambda: more_than(done_before + 200))
                stop.set()
    finally:
        for replica in replicas:
            if replica.returncode is None:
                replica.kill()
                await replica.wait()


def test_the_service_config_follows_the_protos() -> None:
    config = service_config([FLOWS])
    (method_config,) = config["methodConfig"]
    names = {name["method"] for name in method_config["name"]}
    assert {"GetFlow", "ListFlows", "PutFlow"} <= names
    assert "DeleteFlow" not in names
    assert config["healthCheckConfig"] == {"serviceName": FLOWS.full_name}
