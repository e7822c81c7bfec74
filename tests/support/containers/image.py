"""The content of an image: the instructions of the Dockerfile, run in a bare folder not in a container."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Final

import pytest

from tests.support.containers.dockerfile import command, environment, instruction
from tests.support.project.repository import ROOT, files

_SECONDS: Final = 600
# An unprivileged user with no capabilities, as the image has and the manifests ask for.
_USER: Final = "10001"
_AS_USER: Final = (
    "setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups",
    "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs",
)  # fmt: skip


@dataclass(frozen=True)
class Image:
    """The content of an image. `root` stands for its root folder."""

    name: str
    root: Path

    @property
    def python(self) -> Path:
        """The interpreter with the packages of the image."""
        return self.root / "app" / "bin" / "python"

    def run(self, *arguments: str, **variables: str) -> "subprocess.Popen[bytes]":
        """Start a program of the image as its user, with the variables of the image and some more."""
        env = {**environment("runtime"), **environment(f"run-{self.name}"), **variables}
        env["PATH"] = env["PATH"].replace("/app/", f"{self.root}/app/")
        return subprocess.Popen(
            [*as_user(), *arguments], cwd=self.root / "data", env=env, stdin=subprocess.DEVNULL
        )

    @contextmanager
    def running(self, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
        """The command of the image. It ends as a container does: by SIGTERM."""
        process = self.run(*command(f"run-{self.name}"), **variables)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_SECONDS)


def as_user() -> tuple[str, ...]:
    """The command in front of others that makes them unprivileged; nothing if this process is."""
    return _AS_USER if os.getuid() == 0 else ()


def interpreter() -> str:
    """A Python of this version that the unprivileged user can run. Skips the test where there is none."""
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/local/bin/{here}", f"/usr/bin/{here}"):
        if Path(python).exists() and (os.getuid() != 0 or shutil.which(_AS_USER[0])) and _works(python):
            return python
    reason = f"setpriv is missing, or an unprivileged user reaches no {here}"
    assert "TESTS_INSIST" not in os.environ, reason
    return pytest.skip(reason)


def _works(python: str) -> bool:
    """Whether the user finds the library that this user finds. Behind closed folders Python takes another."""
    command = (python, "-c", "import os; print(os.__file__)")
    found = [
        subprocess.run([*user, *command], capture_output=True, check=False).stdout for user in ((), as_user())
    ]
    return found[0] == found[1] != b""


@contextmanager
def built_images(*names: str) -> Iterator[dict[str, Image]]:
    """Images by the name of their deployable. Everybody can read their folders, unlike those of pytest."""
    python = interpreter()
    with tempfile.TemporaryDirectory(prefix="tams-images-") as folder:
        top = Path(folder)
        top.chmod(0o755)
        _context(top / "src")
        yield {name: _built(name, top, python) for name in names}


def _context(folder: Path) -> None:
    """Copy what the build sees: the files that .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    for path in files(*allowed):
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _built(name: str, top: Path, python: str) -> Image:
    root = top / name
    (root / "data").mkdir(parents=True)
    if os.getuid() == 0:
        shutil.chown(root / "data", int(_USER), int(_USER))
    places = {
        "/build/bin/uv": f"{sys.prefix}/bin/uv",
        "/dist": f"{top}/dist",
        " /app": f" {root}/app",
        "/sbom/": f"{top}/sbom/",
        " /sbom": f" {top}/sbom",
        '"$(command -v python)"': python,
        # The packages are in the cache of uv, since this environment was made from the same lock.
        "--no-cache": "",
        "--compile-bytecode": "",
    }
    # The first one installs uv, which is here. All images have the same wheel, and the same maker of lists.
    _, *steps = instruction("build", "RUN")
    done = {" /sbom ": top / "sbom", "--out-dir /dist": top / "dist"}
    if done[" /sbom "].exists():
        # A list takes seconds of CPU. That of the first image shows that the step works.
        steps = [step.partition(" && /sbom/bin/")[0].rstrip() for step in steps]
    for step in steps:
        if not any(mark in step and made.exists() for mark, made in done.items()):
            _execute(
                reduce(lambda text, place: text.replace(*place), places.items(), step), top / "src", name
            )
    return Image(name, root)


def _execute(script: str, folder: Path, extra: str) -> None:
    inherited: Mapping[str, str] = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script], cwd=folder, env={**inherited, "EXTRA": extra, "TABLES": ""},
        capture_output=True, text=True, check=False, timeout=_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stderr}"
