from collections.abc import Sequence

import pytest

from gateway.clients.uploads import sampled

IDS = [f"object-{number}" for number in range(1000)]


@pytest.mark.parametrize(("share", "least", "most"), [(1.0, 1000, 1000), (0.3, 200, 400), (1e-12, 0, 0)])
async def test_a_share_of_the_objects_is_looked_for_and_always_the_same(
    share: float, least: int, most: int
) -> None:
    asked: list[Sequence[str]] = []

    async def find(object_ids: Sequence[str]) -> Sequence[str]:
        asked.append(object_ids)
        return object_ids

    missing = await sampled(find, share)(IDS)
    assert least <= len(missing) <= most
    assert await sampled(find, share)(IDS) == missing
    assert all(asked)
