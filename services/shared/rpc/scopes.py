"""The scopes of methods, as their protos declare them."""

from collections.abc import Mapping, Sequence
from typing import Final

from google.protobuf.descriptor import MethodDescriptor
from tams.type.v1 import scope_pb2

from services.shared.access.principal import Scope

# The scope of each number of the enum.
SCOPES: Final[Mapping[int, Scope]] = {
    scope_pb2.SCOPE_READ: Scope.READ,
    scope_pb2.SCOPE_WRITE: Scope.WRITE,
    scope_pb2.SCOPE_DELETE: Scope.DELETE,
    scope_pb2.SCOPE_ADMIN: Scope.ADMIN,
    scope_pb2.SCOPE_SERVICE: Scope.SERVICE,
}


def scopes_of(method: MethodDescriptor) -> frozenset[Scope]:
    """The scopes of which a caller of the method needs one."""
    numbers: Sequence[int] = method.GetOptions().Extensions[scope_pb2.scopes]
    return frozenset(SCOPES[number] for number in numbers)
