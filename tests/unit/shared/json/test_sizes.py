import json

import pytest

from services.shared.json.sizes import has_more_containers, has_more_values

MIB = 1024 * 1024


@pytest.mark.parametrize("document", [b"[[],{}]", b'{"a":[],"b":{}}', b'[ [ ] , {"x":1} ]'])
def test_lists_and_objects_are_counted(document: bytes) -> None:
    assert has_more_containers(document, 2)
    assert not has_more_containers(document, 3)


@pytest.mark.parametrize("text", ["[{" * 50, '"[{' * 50, "\\[{" * 50, '\\"[{' * 50, "\\\\[", ""])
def test_brackets_in_texts_are_not_counted(text: str) -> None:
    document = json.dumps([{text: text}, text]).encode()
    assert has_more_containers(document, 1)
    assert not has_more_containers(document, 2)


def test_containers_of_a_long_document_are_counted_without_decoding() -> None:
    assert has_more_containers(b"[]," * MIB, 1000)
    assert not has_more_containers(b'["%b"]' % (b"x" * 2 * MIB), 1)


@pytest.mark.parametrize(("document", "values"), [(b"[1,2,3]", 4), (b"[]", 2), (b'{"a":{"b":1}}', 3)])
def test_values_are_counted_and_never_too_few(document: bytes, values: int) -> None:
    assert not has_more_values(document, values)
    assert has_more_values(document * 4, values)
