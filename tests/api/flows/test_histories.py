"""After each step of a random history, the store agrees with a simple model."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.models.histories import OF_MEDIA, OF_METADATA, History, Steps, histories
from tests.support.services.effort import examples


@pytest.mark.parametrize("steps", [OF_MEDIA, OF_METADATA], ids=["media", "metadata"])
@examples(8, vast=2)
@given(data=st.data())
async def test_the_store_agrees_with_the_model_after_each_step(
    tams: httpx.AsyncClient, steps: Steps, data: st.DataObject
) -> None:
    history = History(tams)
    await history.begin()
    for name, arguments in data.draw(histories(steps)):
        await getattr(history, name)(**arguments)
        await history.compare()
