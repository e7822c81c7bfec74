import asyncio
import sys
from pathlib import Path

import pytest

from client.api import LoginFailed
from client.login import ConfigFolder, Profiles
from client.login import folder as config_folder
from client.login.folder import MAX_BYTES
from tests.support.processes.programs import next_line


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_folder_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ConfigFolder.of({"XDG_CONFIG_HOME": "/etc/me"}).root == Path("/etc/me/tams")
    assert ConfigFolder.of({}).root == tmp_path / ".config" / "tams"
    # The specification has relative paths ignored.
    assert ConfigFolder.of({"XDG_CONFIG_HOME": "relative"}).root == tmp_path / ".config" / "tams"


def test_only_the_owner_can_read_the_folder_and_its_files(folder: ConfigFolder) -> None:
    folder.write("a.json", {"b": 1})
    assert (mode(folder.root), mode(folder.root / "a.json")) == (0o700, 0o600)
    assert folder.read("a.json", dict[str, int]) == {"b": 1}


def test_an_open_folder_is_closed_before_something_is_written(folder: ConfigFolder) -> None:
    folder.root.mkdir(parents=True)
    folder.root.chmod(0o755)
    folder.write("a.json", 1)
    assert mode(folder.root) == 0o700


async def test_a_lock_is_readable_by_the_owner_only(folder: ConfigFolder) -> None:
    async with folder.locked("a"):
        assert mode(folder.root / "a.lock") == 0o600


def test_a_missing_file_has_no_value(folder: ConfigFolder) -> None:
    assert folder.read("a.json", int) is None
    assert folder.remove("a.json") is False


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"b": "text"}'])
def test_a_damaged_file_is_an_error_of_one_line(folder: ConfigFolder, content: bytes) -> None:
    folder.write("a.json", {})
    (folder.root / "a.json").write_bytes(content)
    with pytest.raises(LoginFailed, match=r"a\.json is damaged: .*; repair or remove it$") as error:
        folder.read("a.json", dict[str, int])
    assert "\n" not in str(error.value)


def test_a_file_that_is_too_long_is_an_error(folder: ConfigFolder) -> None:
    folder.write("a.json", "x" * MAX_BYTES)
    with pytest.raises(LoginFailed, match="damaged: it has more than"):
        folder.read("a.json", str)


def test_a_failed_write_keeps_the_file_and_leaves_no_other(folder: ConfigFolder) -> None:
    folder.write("a.json", 1)
    with pytest.raises(TypeError):
        folder.write("a.json", object())
    assert [path.name for path in folder.root.iterdir()] == ["a.json"]
    assert folder.read("a.json", int) == 1


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LoginFailed, match=r"cannot write to .*: Not a directory"):
        ConfigFolder(tmp_path / "file" / "tams").write("a.json", 1)


async def test_a_lock_has_one_holder(folder: ConfigFolder) -> None:
    holders, most = 0, 0

    async def hold() -> None:
        nonlocal holders, most
        async with folder.locked("a"):
            holders += 1
            most = max(most, holders)
            await asyncio.sleep(0)
            holders -= 1

    await asyncio.gather(*(hold() for _ in range(5)))
    assert most == 1


async def test_a_lock_that_is_held_too_long_is_an_error(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_folder, "_LOCK_SECONDS", 0.1)
    async with folder.locked("a"):
        with pytest.raises(LoginFailed, match=r"another process holds .*/a\.lock; try again later"):
            async with folder.locked("a"):
                pass


async def test_a_killed_process_holds_no_lock(folder: ConfigFolder) -> None:
    program = """
import asyncio, pathlib, sys
from client.login import ConfigFolder

async def hold():
    async with ConfigFolder(pathlib.Path(sys.argv[1])).locked("a"):
        print("held", flush=True)
        await asyncio.sleep(600)

asyncio.run(hold())
"""
    command = (sys.executable, "-c", program, str(folder.root))
    holder = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert await next_line(holder.stdout) == b"held\n"
    waiting = asyncio.ensure_future(_hold(folder))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    holder.kill()
    await waiting
    await holder.wait()


async def _hold(folder: ConfigFolder) -> None:
    async with folder.locked("a"):
        pass


def test_a_user_without_a_home_has_no_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert Profiles.load(ConfigFolder.of({})) == Profiles()
