from collections.abc import Callable
from pathlib import Path

import pytest

from client.essence.sample_clip.clip import write_clip
from tests.support.client.essence import CLIPS


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The path of a test clip by its name. Each clip is written once for all tests."""
    folder = tmp_path_factory.mktemp("clips")

    def path_of(name: str) -> Path:
        path = folder / f"{name}.mp4"
        if not path.exists():
            write_clip(path, CLIPS[name])
        return path

    return path_of
