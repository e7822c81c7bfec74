"""The stages of the Dockerfile, and their instructions."""

import json
import re
from typing import Final

from tests.support.project.repository import ROOT

DOCKERFILE: Final = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "")
STAGES: Final = {
    found[1]: stage
    for stage in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    if (found := re.match(r"\S+ AS (\S+)", stage))
}


def instruction(stage: str, word: str) -> list[str]:
    """The arguments of each instruction of a kind in a stage."""
    return re.findall(rf"^{word} (.*)$", STAGES[stage], re.MULTILINE)


def environment(stage: str) -> dict[str, str]:
    """The variables that a stage sets."""
    return dict(pair.split("=", 1) for line in instruction(stage, "ENV") for pair in line.split())


def command(stage: str) -> list[str]:
    """The command that the image of a stage runs."""
    found: list[str] = json.loads(instruction(stage, "CMD")[0])
    return found


def health_check(stage: str) -> list[str]:
    """The command that asks a container of a stage for its health."""
    [check] = instruction(stage, "HEALTHCHECK")
    found: list[str] = json.loads(check.partition("CMD ")[2])
    return found
