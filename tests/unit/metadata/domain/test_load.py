import msgspec

from services.metadata.domain.load import Keys, Kind, Load, Stretch
from tests.support.metadata.flows import flow_id

MAX_CELL_BYTES = 120_000


def test_keys_are_split_into_parts_that_fit_into_a_cell() -> None:
    ids = [f"{number:01024}" for number in range(250)]
    stretches = [Stretch(flow_id(1), number, -(2**63), 2**63 - 1) for number in range(2500)]
    parts = Keys(ids=ids, stretches=stretches).parts()
    assert [value for part in parts for value in part.ids] == ids
    assert [value for part in parts for value in part.stretches] == stretches
    assert max(len(msgspec.msgpack.encode(part)) for part in parts) <= MAX_CELL_BYTES


def test_records_are_stored_with_their_former_name() -> None:
    load = Load(id="a", kind=Kind.FLOWS, changed_ms=0, partial_batch=5)
    assert msgspec.to_builtins(load)["begun"] == 5
    assert msgspec.convert(msgspec.to_builtins(load), Load) == load
