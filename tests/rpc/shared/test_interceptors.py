import asyncio
import logging

import pytest

from services.shared import errors
from services.shared.process import logs
from services.shared.rpc import interceptors
from tests.rpc.shared.conftest import echo, open_caller, serving_flows
from tests.support.processes.polling import until


async def test_an_error_reaches_the_caller_unchanged() -> None:
    async def refuse(text: str) -> str:
        raise errors.FailedPrecondition(
            "the flow has no container", reason="NO_CONTAINER", path="$.container"
        )

    async with serving_flows(refuse) as server, open_caller(server.port) as caller:
        with pytest.raises(errors.FailedPrecondition) as caught:
            await caller.get("")
    assert caught.value.summary == "the flow has no container"
    assert caught.value.reason == "NO_CONTAINER"
    assert caught.value.metadata == {"path": "$.container"}


async def test_a_summary_and_its_metadata_may_be_any_text() -> None:
    async def refuse(text: str) -> str:
        raise errors.InvalidArgument(text, path=text)

    async with serving_flows(refuse) as server, open_caller(server.port) as caller:
        for text in ("ünïcödé", "two\nlines", "%41 percent", "x" * 1000, "\u6620" * 1000):
            with pytest.raises(errors.InvalidArgument) as caught:
                await caller.get(text)
            assert (caught.value.summary, caught.value.metadata["path"]) == (text, text)


async def test_a_long_summary_is_cut_so_that_the_error_arrives() -> None:
    async def refuse(text: str) -> str:
        raise errors.InvalidArgument(text, reason="TOO_LONG", path=text, value=text)

    async with serving_flows(refuse) as server, open_caller(server.port) as caller:
        for _ in range(20):
            with pytest.raises(errors.InvalidArgument) as caught:
                await caller.get("\u6620" * 100_000)
            assert caught.value.reason == "TOO_LONG"
            assert caught.value.summary == "\u6620" * 1000 + "..."


async def test_an_unexpected_error_is_internal_for_the_caller_and_detailed_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)

    async def fail(text: str) -> str:
        return {"key": "secret"}["secret " + text]

    async with serving_flows(fail) as server, open_caller(server.port) as caller:
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
    (record,) = [record for record in caplog.records if record.name == interceptors.__name__]
    assert "secret detail" in logs.JsonFormatter("x").format(record)
    assert vars(record)["method"] == "/tams.metadata.v1.FlowService/GetFlow"


async def test_logged_lines_have_the_request_id_of_the_caller(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def log_and_answer(text: str) -> str:
        logging.getLogger("tams.test").warning("served")
        return logs.request_id.get()

    # The settings of `configure` would stay for all later tests.
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    logs.configure("test", "info", "json")
    async with serving_flows(log_and_answer) as server, open_caller(server.port) as caller:

        async def get_with_id(name: str) -> str:
            logs.request_id.set(name)
            return await caller.get("")

        names = [f"request-{n}" for n in range(20)]
        assert await asyncio.gather(*(asyncio.create_task(get_with_id(name)) for name in names)) == names
        assert await caller.get("") == ""
    written = capfd.readouterr().err
    for name in names:
        assert written.count(f'"request_id": "{name}"') == 1


async def test_a_reply_over_the_size_limit_is_exhausted() -> None:
    async def answer_too_long(text: str) -> str:
        return "x" * (65 * 1024 * 1024)

    async with serving_flows(answer_too_long) as server, open_caller(server.port) as caller:
        with pytest.raises(errors.Exhausted):
            await caller.get("")


async def test_a_cancelled_call_is_not_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    reached, ended = asyncio.Event(), asyncio.Event()

    async def wait(text: str) -> str:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return text

    async with serving_flows(wait) as server, open_caller(server.port) as caller:
        pending = asyncio.create_task(caller.get(""))
        await reached.wait()
        pending.cancel()
        await ended.wait()
    assert not [
        record
        for record in caplog.records
        if record.name == interceptors.__name__ and record.levelno >= logging.ERROR
    ]


async def test_a_deadline_ends_the_work_in_the_service() -> None:
    reached, ended = asyncio.Event(), asyncio.Event()

    async def wait(text: str) -> str:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return text

    async with serving_flows(wait) as server, open_caller(server.port) as caller:

        async def exceeds_deadline_in_service() -> bool:
            with pytest.raises(errors.DeadlineExceeded):
                await caller.get("", timeout=0.1)
            return reached.is_set()

        await until(exceeds_deadline_in_service)
        await ended.wait()


async def test_a_missing_method_is_an_internal_error() -> None:
    async with serving_flows(echo) as server, open_caller(server.port) as caller:
        assert await caller.get("text") == "text"
        with pytest.raises(errors.Internal) as caught:
            await caller.list()
    assert caught.value.summary == "internal error"
