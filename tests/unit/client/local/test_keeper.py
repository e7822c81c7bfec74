"""Children are real processes here: small Python programs."""

import asyncio
import os
import signal
import sys

import psutil
import pytest

from client.local.child import Child
from client.local.errors import CannotRun
from client.local.keeper import Keeper
from client.local.output import Log
from client.local.parts import Part
from tests.support.polling import until


def part(program: str, tmp_path) -> Part:
    command = (sys.executable, "-S", "-c", program)
    return Part(name="media", command=command, env=dict(os.environ), health="", folder=tmp_path)


@pytest.fixture
def keep(tmp_path):
    """Makes a keeper of a program; whoever starts it again is probed by marking it as serving."""
    log = Log("media", tmp_path / "media.log")
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)

    def made(program: str) -> Keeper:
        async def probe(_part: Part) -> None:
            keeper.can_serve()

        keeper = Keeper(part(program, tmp_path), log, lock, probe)
        return keeper

    yield made
    os.close(lock)
    log.close()


async def test_a_part_that_never_serves_is_given_up_with_its_last_words(tmp_path):
    log = Log("media", tmp_path / "media.log")

    async def silence(_part: Part) -> None:
        await asyncio.Event().wait()

    with (tmp_path / "lock").open("w") as lock:
        keeper = Keeper(part("import sys; sys.exit('no such bucket')", tmp_path), log, lock.fileno(), silence)
        with pytest.raises(CannotRun, match=r"^media does not start: no such bucket$"):
            await keeper.run()
    log.close()

    assert (tmp_path / "media.log").read_text().count("no such bucket") == 3


async def test_a_part_that_served_is_started_again_however_often_it_dies(keep, tmp_path, capsys):
    keeper = keep(
        "import os, time; open('lives', 'a').write(f'{os.getpid()}\\n')\nwhile True: time.sleep(60)"
    )
    running = asyncio.create_task(keeper.run())
    lives = tmp_path / "lives"

    def pids() -> list[str]:
        return lives.read_text().split() if lives.exists() else []

    try:
        for count in range(1, 6):
            await until(lambda count=count: len(pids()) == count)
            keeper.can_serve()
            # By its own id: it may be there before the keeper has been told of it.
            os.kill(int(pids()[-1]), signal.SIGKILL)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await keeper.stop()
    assert "media was ended by SIGKILL; starting it again" in capsys.readouterr().err


async def test_a_part_that_does_not_heed_is_made_to_stop(tmp_path):
    heard: list[str] = []
    program = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
    child = await start(program, heard.append, tmp_path)
    await until(lambda: heard == ["up"])

    await child.stop(0.1)

    assert await child.ended() == -signal.SIGKILL


async def test_all_a_child_says_is_heard_in_lines_of_bounded_length(tmp_path):
    heard: list[str] = []
    program = """
import sys
print("one", flush=True)
sys.stderr.write("two\\n")
sys.stdout.write("x" * 300000)
"""
    child = await start(program, heard.append, tmp_path)

    assert await child.ended() == 0
    assert heard[:2] == ["one", "two"]
    assert "".join(heard[2:]) == "x" * 300000
    assert max(map(len, heard)) < 200_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of a dead parent")
async def test_a_child_ends_with_its_parent_however_that_ends(tmp_path):
    program = f"""
import asyncio, os, sys
from pathlib import Path
from client.local.child import Child

async def main():
    command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    child = await Child.start(command, env=dict(os.environ), folder=Path({str(tmp_path)!r}), hear=print)
    print(child.pid, flush=True)
    await child.ended()

asyncio.run(main())
"""
    heard: list[str] = []
    parent = await Child.start(
        [sys.executable, "-c", program], env=dict(os.environ), folder=tmp_path, hear=heard.append
    )
    await until(lambda: heard)
    child = psutil.Process(int(heard[0]))

    parent.kill()
    await parent.ended()

    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def start(program, hear, folder) -> Child:
    return await Child.start(
        [sys.executable, "-S", "-c", program], env=dict(os.environ), folder=folder, hear=hear
    )
