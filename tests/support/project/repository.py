"""The project's own files, for tests that compare them with each other."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]


def files(*patterns: str) -> list[Path]:
    """The files under version control, and new ones that are not ignored, matching git pathspecs."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [path for name in sorted(set(listed.split("\0"))) if name and (path := ROOT / name).is_file()]


def documents(*paths: Path) -> list[dict[str, Any]]:
    """Every YAML document in the files."""
    return [
        document for path in paths for document in yaml.safe_load_all(path.read_text("utf-8")) if document
    ]
