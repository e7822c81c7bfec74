"""The OpenAPI document as one HTML page: no scripts, nothing fetched from elsewhere."""

from collections.abc import Iterable
from html import escape
from typing import Final

import msgspec

from gateway.openapi.parts import Part

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{overflow:auto;padding:.5rem;"
    "border:1px solid #8886;border-radius:4px}details{border:1px solid #8886;border-radius:4px;"
    "margin:.4rem 0;padding:.3rem .7rem}summary{cursor:pointer}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #8884;padding:.2rem .5rem;text-align:left;vertical-align:top}"
    "b.m{display:inline-block;min-width:4.5em}:root{color-scheme:light dark}"
)


def html(openapi: bytes) -> bytes:
    """The page of a document."""
    document: Part = msgspec.json.decode(openapi)
    info = document["info"]
    operations = (
        _operation(path, method, item[method], item.get("parameters", []))
        for path, item in document["paths"].items()
        for method in ("get", "put", "post", "delete")
        if method in item
    )
    events = (_event(name, item["post"]) for name, item in document["webhooks"].items())
    schemas = (_schema(name, schema) for name, schema in document["components"]["schemas"].items())
    title = escape(info["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{title}</h1><p>{escape(info['description'])}</p>"
        '<p>For programs: <a href="openapi.json">openapi.json</a>. HEAD works wherever GET does.</p>'
        f"<h2>Operations</h2>{''.join(operations)}"
        f"<h2>Events, as webhooks get them</h2>{_table('Event', events)}"
        f"<h2>Schemas</h2>{''.join(schemas)}</body></html>"
    ).encode()


def _operation(path: str, method: str, operation: Part, shared: Iterable[Part]) -> str:
    parameters = [*shared, *operation["parameters"]]
    body = operation.get("requestBody")
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><b class="m">{method.upper()}</b>'
        f"<code>{escape(path)}</code> {escape(operation['summary'])}</summary>"
        f"{_table('Parameter', ((_named(one), one['description']) for one in parameters))}"
        f"{f'<p>Body: {_content(body)}</p>' if body else ''}"
        f"{_table('Status', _answers(operation['responses']))}</details>"
    )


def _event(name: str, message: Part) -> tuple[str, str]:
    return name, message["summary"]


def _named(parameter: Part) -> str:
    return f"{parameter['name']} ({parameter['in']})"


def _answers(answers: Part) -> Iterable[tuple[str, str]]:
    for status, answer in answers.items():
        reference = answer.get("$ref", "").rpartition("/")[2]
        yield status, reference or answer["description"]


def _content(body: Part) -> str:
    names = (one["schema"].get("$ref", "").rpartition("/")[2] for one in body["content"].values())
    return ", ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in names)


def _table(heading: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><td><code>{escape(left)}</code></td><td>{escape(right)}</td></tr>" for left, right in rows
    )
    return f"<table><tr><th>{heading}</th><th></th></tr>{cells}</table>" if cells else ""


def _schema(name: str, schema: Part) -> str:
    text = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
    return (
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code> '
        f"{escape(schema.get('description', ''))}</summary><pre>{escape(text)}</pre></details>"
    )
