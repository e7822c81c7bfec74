"""The command `tams` in processes of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.project.repository import ROOT

SECONDS = 120


def command_env(config: Path, **env: str) -> Mapping[str, str]:
    """The environment of a command that reads no settings and no profiles of the developer."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TAMS_")}
    return {**inherited, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(config), **env}


def start_tams(*arguments: str, env: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Start a command; its output is in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "client.cli", *arguments],
        env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run_tams(*arguments: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    process = start_tams(*arguments, env=env)
    out, err = process.communicate(timeout=SECONDS)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)
