"""Runners of parts, with small Python programs as child processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from client.local.errors import CannotRun
from client.local.output.part_log import Log
from client.local.parts import Part
from client.local.processes.child import Child
from client.local.processes.part_runner import PartRunner
from tests.support.processes.polling import until


def part(program: str, tmp_path: Path) -> Part:
    command = (sys.executable, "-S", "-c", program)
    return Part(name="media", command=command, env=dict(os.environ), health="", folder=tmp_path)


@pytest.fixture
def new_runner(tmp_path: Path) -> Iterator[Callable[[str], PartRunner]]:
    """Makes a runner of a program. Its probe marks the part as serving after each restart."""
    log = Log("media", tmp_path / "media.log")
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)

    def make_runner(program: str) -> PartRunner:
        async def probe(_part: Part) -> None:
            runner.can_serve()

        runner = PartRunner(part(program, tmp_path), log, lock, probe)
        return runner

    yield make_runner
    os.close(lock)
    log.close()


async def test_a_part_that_never_serves_is_given_up_with_its_last_message(tmp_path: Path) -> None:
    log = Log("media", tmp_path / "media.log")

    async def never_serve(_part: Part) -> None:
        await asyncio.Event().wait()

    with (tmp_path / "lock").open("w") as lock:
        runner = PartRunner(
            part("import sys; sys.exit('no such bucket')", tmp_path), log, lock.fileno(), never_serve
        )
        with pytest.raises(CannotRun, match=r"^media does not start: no such bucket$"):
            await runner.run()
    log.close()

    assert (tmp_path / "media.log").read_text().count("no such bucket") == 3


async def test_a_part_that_served_is_restarted_after_each_death(
    new_runner: Callable[[str], PartRunner], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = new_runner(
        "import os, time; open('lives', 'a').write(f'{os.getpid()}\\n')\nwhile True: time.sleep(60)"
    )
    running = asyncio.create_task(runner.run())
    lives = tmp_path / "lives"

    def pids() -> list[str]:
        return lives.read_text().split() if lives.exists() else []

    def has_started(count: int) -> bool:
        return len(pids()) == count

    try:
        for count in range(1, 6):
            await until(partial(has_started, count))
            runner.can_serve()
            # By its own id, as it may run before the runner knows its process.
            os.kill(int(pids()[-1]), signal.SIGKILL)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await runner.stop()
    assert "media was ended by SIGKILL; restarting it" in capsys.readouterr().err


async def test_a_part_with_a_disk_failure_is_restarted_once_there_is_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lives, log = tmp_path / "lives", Log("media", tmp_path / "media.log")
    room = tmp_path / "data"

    async def probe(_part: Part) -> None:
        runner.can_serve()

    def has_started(count: int) -> bool:
        return lives.exists() and len(lives.read_text().split()) == count

    program = f"""
import time
with open({str(lives)!r}, "a") as lives:
    lives.write("life ")
print("cannot write", flush=True)
time.sleep(60)
"""
    with (tmp_path / "lock").open("w") as lock:
        fragile = replace(part(program, tmp_path), is_disk_failure="cannot write".__eq__)
        runner = PartRunner(replace(fragile, folder=room), log, lock.fileno(), probe)
        room.mkdir()
        running = asyncio.create_task(runner.run())
        try:
            await until(partial(has_started, 1))
            runner.can_serve()
            await until(partial(has_started, 3))
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await runner.stop()
    log.close()
    assert "media could not write while its disk was full; there is room again" in capsys.readouterr().err


async def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    lines: list[str] = []
    program = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
    child = await start(program, lines.append, tmp_path)
    await until(lambda: lines == ["up"])

    await child.stop(0.1)

    assert await child.ended() == -signal.SIGKILL


async def test_output_of_a_child_is_read_in_lines_of_bounded_length(tmp_path: Path) -> None:
    lines: list[str] = []
    program = """
import sys
print("one", flush=True)
sys.stderr.write("two\\n")
sys.stdout.write("x" * 300000)
"""
    child = await start(program, lines.append, tmp_path)

    assert await child.ended() == 0
    assert lines[:2] == ["one", "two"]
    assert "".join(lines[2:]) == "x" * 300000
    assert max(map(len, lines)) < 200_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of a dead parent")
async def test_a_child_ends_with_its_killed_parent(tmp_path: Path) -> None:
    program = f"""
import asyncio, os, sys
from pathlib import Path
from client.local.processes.child import Child

async def main():
    command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    child = await Child.start(command, env=dict(os.environ), folder=Path({str(tmp_path)!r}), on_line=print)
    print(child.pid, flush=True)
    await child.ended()

asyncio.run(main())
"""
    lines: list[str] = []
    parent = await Child.start(
        [sys.executable, "-c", program], env=dict(os.environ), folder=tmp_path, on_line=lines.append
    )
    await until(lambda: lines)
    child = psutil.Process(int(lines[0]))

    parent.kill()
    await parent.ended()

    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def start(program: str, on_line: Callable[[str], None], folder: Path) -> Child:
    return await Child.start(
        [sys.executable, "-S", "-c", program], env=dict(os.environ), folder=folder, on_line=on_line
    )
