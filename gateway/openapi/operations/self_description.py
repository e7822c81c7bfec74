"""Health and documentation of this process."""

from typing import Final

from gateway.openapi import responses
from gateway.openapi.describe import ok
from gateway.openapi.parts import Part

OPERATIONS: Final[dict[str, dict[str, Part]]] = {
    "/health": {
        "get": {
            "operationId": "getHealth",
            "summary": "Whether every part answers",
            "parameters": [],
            "responses": ok("Health", "Every part does.")
            | {"503": responses.json("Health", "Some part does not.", responses.RETRY)},
        }
    },
    "/openapi.json": {
        "get": {
            "operationId": "getOpenApi",
            "summary": "This document",
            "parameters": [],
            "responses": {
                "200": {
                    "description": "The document.",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                }
            },
        }
    },
    "/docs": {
        "get": {
            "operationId": "getDocs",
            "summary": "This document as a page",
            "parameters": [],
            "responses": {
                "200": {
                    "description": "The page.",
                    "content": {"text/html": {"schema": {"type": "string"}}},
                }
            },
        }
    },
}
