import pytest

from services.shared import json_numbers


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b"25.0", b"25"),
        (b"1e3", b"1000"),
        (b"-0.0", b"0"),
        (b'{"a":[2.50e1,"1.0",null],"b":{"c":3.00}}', b'{"a":[25,"1.0",null],"b":{"c":3}}'),
        (b'{"a":1.5,"b":1.05}', b'{"a":1.5,"b":1.05}'),
        (b"9007199254740993.0", b"9007199254740992"),
        (b"1e300", b"1e300"),
        (b'{"a": "1.0"', b'{"a": "1.0"'),
        (b'"\xff1.0"', b'"\xff1.0"'),
        (b"[" * 100_000 + b"1.0", b"[" * 100_000 + b"1.0"),
    ],
)
def test_decimals_that_are_whole_become_integers(document: bytes, expected: bytes) -> None:
    assert json_numbers.whole(document) == expected


def test_a_document_without_any_is_not_touched() -> None:
    document = b'{ "a" : 1.5 , "b" : [ 10, 0.25 ] }'
    assert json_numbers.whole(document) is document
