"""Random histories: whatever clients do, the store tells what a plain model tells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.effort import examples
from tests.support.histories import OF_MEDIA, OF_METADATA, History, histories


@pytest.mark.parametrize("steps", [OF_MEDIA, OF_METADATA], ids=["media", "metadata"])
@examples(8, vast=2)
@given(data=st.data())
async def test_the_store_tells_what_the_model_tells(tams, steps, data):
    history = History(tams)
    await history.begin()
    for name, arguments in data.draw(histories(steps)):
        await getattr(history, name)(**arguments)
        await history.compare()
