from pathlib import Path

from bench.inventory.__main__ import measure
from bench.inventory.objects import RARE, is_left_over, is_lost


async def test_the_command_finds_what_is_lost_and_left_over(tmp_path: Path) -> None:
    count = RARE // 2 + 1
    assert (sum(map(is_lost, range(count))), sum(map(is_left_over, range(count)))) == (1, 1)
    line = await measure(tmp_path, count)
    assert line.startswith(f"{count} objects: ")
    assert all(part in line for part in ("client.cli", "services.media", "services.metadata"))
