"""Random histories: whatever clients do, the store tells what a plain model tells."""

from hypothesis import given

from tests.support.effort import examples
from tests.support.histories import History, histories


@examples(12, vast=4)
@given(histories(least=10, most=20))
async def test_the_store_tells_what_the_model_tells(tams, drawn):
    history = History(tams)
    await history.begin()
    for name, arguments in drawn:
        await getattr(history, name)(**arguments)
        await history.compare()
