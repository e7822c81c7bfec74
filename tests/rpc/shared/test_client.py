import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from services.shared.errors import Unavailable
from services.shared.rpc.client import service_config
from services.shared.settings import ProcessSettings
from tests.rpc.shared.conftest import FLOWS, calling, echo, serving_flows
from tests.support.polling import until
from tests.support.ports import free_ports


class Replica:
    """Answers with its name; counts its calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0

    async def __call__(self, text: str) -> str:  # noqa: ARG002
        self.calls += 1
        return self.name


@asynccontextmanager
async def two_replicas() -> AsyncIterator:
    one, two = Replica("one"), Replica("two")
    async with (
        serving_flows(one) as first,
        serving_flows(two) as second,
        calling(first.port, second.port) as caller,
    ):

        async def both_known() -> bool:
            return {await caller.get("") for _ in range(4)} == {"one", "two"}

        await until(both_known)
        yield caller, first, second


async def test_calls_go_round_robin():
    async with two_replicas() as (caller, _, _):
        answers = Counter([await caller.get("") for _ in range(100)])
    assert answers == {"one": 50, "two": 50}


async def test_a_replica_that_is_not_serving_gets_no_calls_until_it_is():
    async with two_replicas() as (caller, first, _):
        await first.report(serving=False)

        async def only_two() -> bool:
            return {await caller.get("") for _ in range(10)} == {"two"}

        async def both() -> bool:
            return {await caller.get("") for _ in range(10)} == {"one", "two"}

        await until(only_two)
        assert {await caller.get("") for _ in range(50)} == {"two"}
        await first.report(serving=True)
        await until(both)


async def test_no_replica_serving_is_unavailable_and_no_secret():
    async with serving_flows(echo, ready=False) as server, calling(server.port) as caller:
        with pytest.raises(Unavailable) as caught:
            await caller.get("")
    assert "127.0.0.1" not in caught.value.summary
    assert str(server.port) not in caught.value.summary


async def test_nobody_there_is_unavailable():
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving_flows(echo))
        async with calling(server.port) as caller:
            assert await caller.get("here") == "here"
            await stack.aclose()
            with pytest.raises(Unavailable):
                await caller.get("")
            with pytest.raises(Unavailable):
                await caller.delete("")


async def test_a_service_that_starts_late_is_found():
    (port,) = free_ports(1)
    async with calling(port) as caller:
        with pytest.raises(Unavailable):
            await caller.get("")

        async def answers() -> bool:
            try:
                return await caller.get("here") == "here"
            except Unavailable:
                return False

        async with serving_flows(echo, ProcessSettings(port=port, drain_seconds=0, grace_seconds=0)):
            await until(answers)


async def fails_once(method: str) -> int:
    """How often the far side was called when its first answer is UNAVAILABLE."""
    calls = 0

    async def behave(text: str) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Unavailable("not now")
        return text

    async with serving_flows(behave) as server, calling(server.port) as caller:
        try:
            await getattr(caller, method)("")
        except Unavailable:
            assert calls == 1
    return calls


async def test_an_idempotent_method_is_tried_again_and_others_are_not():
    assert await fails_once("get") == 2
    assert await fails_once("delete") == 1


REPLICA = """
import asyncio, sys
from services.shared.settings import ProcessSettings
from services.shared.settings import ProcessSettings
from tests.rpc.shared.conftest import echo, serving_flows

async def main():
    async with serving_flows(echo, ProcessSettings(port=int(sys.argv[1]))):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_killing_one_of_two_replicas_fails_no_idempotent_call():
    ports = free_ports(2)
    replicas = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", REPLICA, str(port), stdout=asyncio.subprocess.PIPE
        )
        for port in ports
    ]
    try:
        for replica in replicas:
            assert await replica.stdout.readline() == b"ready\n"
        async with calling(*ports) as caller:
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
                at = done
                await until(lambda: more_than(at + 200))
                stop.set()
    finally:
        for replica in replicas:
            if replica.returncode is None:
                replica.kill()
                await replica.wait()


def test_the_service_config_follows_the_protos():
    config = service_config([FLOWS])
    (method_config,) = config["methodConfig"]
    names = {one["method"] for one in method_config["name"]}
    assert {"GetFlow", "ListFlows", "PutFlow"} <= names
    assert "DeleteFlow" not in names
    assert config["healthCheckConfig"] == {"serviceName": FLOWS.full_name}
