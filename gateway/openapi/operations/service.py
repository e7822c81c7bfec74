"""The service and its storage backends."""

from typing import Final

from gateway.openapi.describe import ok, operation
from gateway.openapi.parts import Part

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/": {"get": operation("listResources", "Names of resources", ok("Resources", "The names."))},
    "/service": {"get": operation("getService", "This store", ok("Service", "The store."))},
    "/service/storage-backends": {
        "get": operation("listStorageBackends", "Where media is kept", ok("StorageBackends", "All backends."))
    },
}
