from collections.abc import Callable
from pathlib import Path

import pytest

from client.essence.sample import sample
from tests.support.media import CLIPS


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The path of a test clip, made once for all tests."""
    folder = tmp_path_factory.mktemp("clips")

    def made(name: str) -> Path:
        path = folder / f"{name}.mp4"
        if not path.exists():
            sample(path, CLIPS[name])
        return path

    return made
