"""Requests that are malformed in one place, derived from the descriptors of the protos."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_LONG: Final = 100_000
_MANY: Final = 20_001
_DEPTH: Final = 4

_TEXTS: Final = ("", "\0", "x", "x" * _LONG, "../x", "/", "\U0010ffff", "ü\n")
_BYTES: Final = (b"", b"\0", b"x" * _LONG, b"\xff", b"{", b"[" * _LONG, b"null", b"[1]", b'{"id":1e999}')
_NUMBERS: Final[Mapping[int, tuple[Any, ...]]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), -1, 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), -1, 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (0, 1, -1, 99),
    FieldDescriptor.CPPTYPE_BOOL: (True, False),
    FieldDescriptor.CPPTYPE_DOUBLE: (math.nan, math.inf, -1.0),
    FieldDescriptor.CPPTYPE_FLOAT: (math.nan, math.inf, -1.0),
}


def malformed(method: MethodDescriptor, valid: Mapping[str, Any]) -> Iterator[Message]:
    """The empty request of a method, then valid and empty requests with one changed field each.

    `valid` has values of fields by name.
    """
    kind = GetMessageClass(method.input_type)
    yield kind()
    for filled in ({}, valid):
        for message, place in _places(kind, filled):
            yield from _changed(message, place)


def valid_request(method: MethodDescriptor, valid: Mapping[str, Any]) -> Message:
    """A request of a method with values of fields by name."""
    message: Message = GetMessageClass(method.input_type)()
    _fill(message, valid)
    return message


def _places(kind: Any, valid: Mapping[str, Any]) -> Iterator[tuple[Any, tuple[FieldDescriptor, ...]]]:
    """Each field of a message, and of the messages in it, with a request that holds the field."""
    for place in _paths(kind.DESCRIPTOR, ()):
        message = kind()
        _fill(message, valid)
        yield message, place


def _paths(
    descriptor: Descriptor, above: tuple[FieldDescriptor, ...]
) -> Iterator[tuple[FieldDescriptor, ...]]:
    for field in descriptor.fields:
        yield (*above, field)
        inner = field.message_type
        if inner is not None and len(above) < _DEPTH and not inner.GetOptions().map_entry:
            yield from _paths(inner, (*above, field))


def _fill(message: Any, valid: Mapping[str, Any]) -> None:
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            if valid and field.containing_oneof is None:
                inner = getattr(message, field.name)
                _fill(inner.add() if field.is_repeated else inner, valid)
        elif field.name in valid and field.message_type is None:
            _put(message, field, valid[field.name])


def _put(message: Any, field: FieldDescriptor, value: Any) -> None:
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def _changed(message: Message, place: tuple[FieldDescriptor, ...]) -> Iterator[Message]:
    *above, field = place
    for change in _changes(field):
        copy = type(message)()
        copy.CopyFrom(message)
        target: Any = copy
        for step in above:
            inner = getattr(target, step.name)
            if step.is_repeated:
                target = inner[0] if len(inner) else inner.add()
            else:
                inner.SetInParent()
                target = inner
        change(target)
        yield copy


def _changes(field: FieldDescriptor) -> Iterator[Any]:
    name = field.name
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        yield lambda target: _set_map(getattr(target, name), 1)
        yield lambda target: _set_map(getattr(target, name), _MANY)
        return
    if field.message_type is not None:
        if field.is_repeated:
            yield lambda target: [getattr(target, name).add() for _ in range(_MANY)]
        else:
            yield lambda target: getattr(target, name).SetInParent()
        yield lambda target: target.ClearField(name)
        return
    values = _values(field)
    if not field.is_repeated:
        for value in values:
            yield lambda target, value=value: setattr(target, name, value)
        return
    for value in values:
        yield lambda target, value=value: getattr(target, name).append(value)
    yield lambda target: getattr(target, name).extend([values[0]] * _MANY)
    yield lambda target: getattr(target, name).extend([values[2 % len(values)]] * _MANY)


def _values(field: FieldDescriptor) -> tuple[Any, ...]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _BYTES if field.type == FieldDescriptor.TYPE_BYTES else _TEXTS
    return _NUMBERS[field.cpp_type]


def _set_map(target: Any, entries: int) -> None:
    for number in range(entries):
        key = f"{number}\0"
        value = target[key]  # reading a map of messages creates the entry
        if not isinstance(value, Message):
            target[key] = type(value)()
