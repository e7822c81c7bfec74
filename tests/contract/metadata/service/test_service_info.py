import pytest

from services.metadata.application.ports import Store
from services.metadata.application.service.service_info import MAX_CHARACTERS, ServiceInfos
from services.shared.errors import InvalidArgument


@pytest.mark.parametrize("member", ["name", "description"])
async def test_a_text_over_the_longest_length_is_refused(store: Store, member: str) -> None:
    infos, longest = ServiceInfos(store), "x" * MAX_CHARACTERS
    texts = {"name": None, "description": None}
    stored = await infos.update(**texts | {member: longest})
    assert getattr(stored, member) == longest
    with pytest.raises(InvalidArgument) as refused:
        await infos.update(**texts | {member: longest + "x"})
    assert refused.value.reason == "TEXT_TOO_LONG"
    assert refused.value.metadata["path"] == f"$.{member}"
    assert getattr(await infos.get(), member) == longest
