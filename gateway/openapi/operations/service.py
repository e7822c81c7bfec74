"""The service, its storage backends, and registrations for events."""

from typing import Final

from gateway.openapi import responses
from gateway.openapi.describe import created, done, ok, operation
from gateway.openapi.parts import Part

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/": {
        "get": operation(
            "listResources", "Names of resources", ok("Resources", "The names."), asks_services=False
        )
    },
    "/service": {
        "get": operation("getService", "This store", ok("Service", "The store.")),
        "post": operation(
            "updateService",
            "Name and describe this store",
            {"200": responses.empty("What was given is stored; the rest is as it was.")},
            body="ServiceChange",
            fails=(400, 409),
        ),
    },
    "/service/storage-backends": {
        "get": operation("listStorageBackends", "Where media is kept", ok("StorageBackends", "All backends."))
    },
    "/service/webhooks": {
        "get": operation(
            "listWebhooks",
            "Who is told of changes; without keys",
            ok("Webhooks", "All registrations."),
            fails=(404,),
        ),
        "post": operation(
            "registerWebhook",
            "Register, change or remove who is told of changes",
            created("It is registered; the same URL and key were changed.", "Webhook")
            | done("It is registered no more: no events were asked for."),
            body="NewWebhook",
            fails=(400, 404, 409),
        ),
    },
}
