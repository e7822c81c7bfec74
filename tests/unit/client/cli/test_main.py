import importlib
import subprocess
import sys

import pytest

from client.cli import exits
from client.cli.main import COMMANDS
from client.cli.main import tams as command


def test_help_names_every_command_and_exit_code(tams):
    ran = tams("--help")

    assert ran.code == 0
    for name, (_, line) in COMMANDS.items():
        assert f"{name} " in ran.out
        assert line in ran.out
    codes = (exits.OK, exits.FAILED, exits.USAGE, exits.NOT_FOUND, exits.UNREACHABLE, exits.INTERRUPTED)
    for code in codes:
        assert f"{code} " in ran.out.split("Exit codes:")[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_and_its_own_name(tams, name):
    module, _ = COMMANDS[name]

    ran = tams(name, "--help")

    assert ran.code == 0
    assert ran.out.startswith(f"Usage: tams {name}")
    assert getattr(importlib.import_module(f"client.cli.{module}"), module).name == name


def test_a_bare_command_shows_help(tams):
    ran = tams()

    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


def test_the_command_starts_without_what_no_command_needs_yet():
    """Media libraries, HTTP and tables cost time, which help and completion should not take."""
    program = "import sys, client.cli; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert not {"av", "httpx", "rich", "grpc", "mediatimestamp", "msgspec"} & set(done.stdout.split())


def test_running_a_store_loads_no_media_http_or_rpc_library():
    program = "import sys, client.cli.up; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert not {"av", "httpx", "rich", "grpc", "services", "gateway"} & set(done.stdout.split())


def test_a_reader_that_leaves_early_is_no_crash():
    program = f"{sys.executable} -m client.cli --help | true"
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=False)

    assert "Traceback" not in done.stderr


def test_interruption_has_its_own_exit_code(tams, monkeypatch):
    def interrupted(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "invoke", interrupted)

    ran = tams("flows")

    assert (ran.code, ran.err.strip()) == (130, "tams: interrupted")
