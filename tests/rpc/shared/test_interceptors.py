import asyncio
import logging

import pytest

from services.shared import errors, logs
from tests.rpc.shared.conftest import calling, echo, serving_flows
from tests.support.polling import until


async def test_an_error_reaches_the_caller_as_it_was_raised():
    async def refuse(text: str) -> str:
        raise errors.FailedPrecondition(
            "the flow has no container", reason="NO_CONTAINER", path="$.container"
        )

    async with serving_flows(refuse) as server, calling(server.port) as caller:
        with pytest.raises(errors.FailedPrecondition) as caught:
            await caller.get("")
    assert caught.value.summary == "the flow has no container"
    assert caught.value.reason == "NO_CONTAINER"
    assert caught.value.metadata == {"path": "$.container"}


async def test_summaries_and_facts_are_any_text():
    async def refuse(text: str) -> str:
        raise errors.InvalidArgument(text, path=text)

    async with serving_flows(refuse) as server, calling(server.port) as caller:
        for text in ("ünïcödé", "two\nlines", "%41 percent", "x" * 1000, "\u6620" * 1000):
            with pytest.raises(errors.InvalidArgument) as caught:
                await caller.get(text)
            assert (caught.value.summary, caught.value.metadata["path"]) == (text, text)


async def test_a_long_summary_is_clipped_so_that_the_error_arrives():
    async def refuse(text: str) -> str:
        raise errors.InvalidArgument(text, reason="TOO_LONG", path=text, value=text)

    async with serving_flows(refuse) as server, calling(server.port) as caller:
        for _ in range(20):
            with pytest.raises(errors.InvalidArgument) as caught:
                await caller.get("\u6620" * 100_000)
            assert caught.value.reason == "TOO_LONG"
            assert caught.value.summary == "\u6620" * 1000 + "..."


async def test_an_unexpected_error_says_nothing_on_the_wire_and_all_in_the_log(caplog):
    caplog.set_level(logging.ERROR)

    async def fail(text: str) -> str:
        return {"key": "secret"}["secret " + text]

    async with serving_flows(fail) as server, calling(server.port) as caller:
        token = logs.request_id.set("request-1")
        try:
            with pytest.raises(errors.Internal) as caught:
                await caller.get("detail")
        finally:
            logs.request_id.reset(token)
    assert (caught.value.summary, caught.value.reason, caught.value.metadata) == (
        "internal error",
        "INTERNAL",
        {},
    )
    (record,) = [one for one in caplog.records if one.name == "tams.rpc"]
    assert "secret detail" in logs.JsonFormatter("x").format(record)
    assert record.method == "/tams.metadata.v1.FlowService/GetFlow"


async def test_lines_logged_while_serving_carry_the_caller_s_request_id(capfd, monkeypatch):
    async def tell(text: str) -> str:
        logging.getLogger("tams.test").warning("served")
        return logs.request_id.get()

    # What configure sets here would stay for every test after this one.
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    logs.configure("test", "info", "json")
    async with serving_flows(tell) as server, calling(server.port) as caller:

        async def one(name: str) -> str:
            logs.request_id.set(name)
            return await caller.get("")

        names = [f"request-{n}" for n in range(20)]
        assert await asyncio.gather(*(asyncio.create_task(one(name)) for name in names)) == names
        assert await caller.get("") == ""
    written = capfd.readouterr().err
    for name in names:
        assert written.count(f'"request_id": "{name}"') == 1


async def test_a_reply_too_large_to_send_is_a_clear_error():
    async def enormous(text: str) -> str:
        return "x" * (65 * 1024 * 1024)

    async with serving_flows(enormous) as server, calling(server.port) as caller:
        with pytest.raises(errors.Exhausted):
            await caller.get("")


async def test_a_cancelled_call_is_no_error_of_the_server(caplog):
    reached, gone = asyncio.Event(), asyncio.Event()

    async def wait(text: str) -> str:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        return text

    async with serving_flows(wait) as server, calling(server.port) as caller:
        pending = asyncio.create_task(caller.get(""))
        await reached.wait()
        pending.cancel()
        await gone.wait()
    assert not [one for one in caplog.records if one.name == "tams.rpc" and one.levelno >= logging.ERROR]


async def test_a_deadline_ends_the_work_on_the_far_side():
    reached, gone = asyncio.Event(), asyncio.Event()

    async def wait(text: str) -> str:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        return text

    async with serving_flows(wait) as server, calling(server.port) as caller:

        async def too_late_for_what_was_begun() -> bool:
            with pytest.raises(errors.DeadlineExceeded):
                await caller.get("", timeout=0.1)
            return reached.is_set()

        await until(too_late_for_what_was_begun)
        await gone.wait()


async def test_methods_that_do_not_exist_are_a_fault_of_ours():
    async with serving_flows(echo) as server, calling(server.port) as caller:
        assert await caller.get("text") == "text"
        with pytest.raises(errors.Internal) as caught:
            await caller.list()
    assert caught.value.summary == "internal error"
