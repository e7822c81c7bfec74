# ruff: noqa: INP001 - a script beside the pages it writes, not part of a package
"""Writes the tables of docs/settings.md: the code's names, types, defaults and comments.

And the list of the settings that are no secrets, for those that show settings without importing services.
"""

import ast
import dataclasses
import inspect
import types
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import gateway.settings
import services.analytics.settings
import services.events.settings
import services.media.settings
import services.metadata.settings
from services.shared.process.settings import changeable_names, env_names

PAGE = Path(__file__).with_name("settings.md")
PUBLIC = PAGE.parents[1] / "client" / "local" / "public_settings.txt"
BEGIN = "<!-- written by make docs -->\n"
END = "<!-- end -->\n"
CHANGEABLE = "Can change [while the process runs](#while-a-process-runs)."

# Every process of the store, by the name it logs and is deployed under.
DEPLOYABLES = {
    "gateway": gateway.settings,
    "metadata": services.metadata.settings,
    "media": services.media.settings,
    "analytics": services.analytics.settings,
    "events": services.events.settings,
}


class Group(NamedTuple):
    """Fields that one comment describes."""

    fields: tuple[str, ...]
    meaning: str


def groups(settings: type[Any]) -> list[Group]:
    """The fields of a settings class and its bases, in order; an override keeps its base's comment."""
    found: dict[str, Group] = {}
    for cls in reversed(settings.__mro__[:-1]):
        for group in _written_in(cls):
            if group.meaning or not all(field in found for field in group.fields):
                found |= dict.fromkeys(group.fields, group)
    return list(dict.fromkeys(found[field.name] for field in dataclasses.fields(settings)))


def _written_in(cls: type[Any]) -> Iterator[Group]:
    lines = inspect.getsource(cls).splitlines()
    fields = [n for n in ast.parse("\n".join(lines)).body[0].body if isinstance(n, ast.AnnAssign)]  # type: ignore[attr-defined]
    names: list[str] = []
    meaning, ended = "", 0
    for field in fields:
        above = (line.strip() for line in lines[ended : field.lineno - 1])
        comment = " ".join(line.lstrip("# ") for line in above if line.startswith("#"))
        if comment or not names:
            if names:
                yield Group(tuple(names), meaning)
            names, meaning = [], comment
        names.append(ast.unparse(field.target))
        ended = field.end_lineno or field.lineno
    yield Group(tuple(names), meaning)


def table(module: types.ModuleType) -> str:
    """The Markdown table of one deployable."""
    settings, names = module.Settings, env_names(module.Settings, module.PREFIX)
    hints = get_type_hints(settings, include_extras=True)
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    rows = ["| name | value | default | meaning |", "|---|---|---|---|"]
    for group in groups(settings):
        cells = (
            [f"`{names[field]}`" for field in group.fields],
            [_values(hints[field]) for field in group.fields],
            [_written(defaults[field]) for field in group.fields],
            [_meaning(group, changeable_names(module.Settings, module.PREFIX))],
        )
        rows.append("| " + " | ".join("<br>".join(cell) for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _meaning(group: Group, changeable: Container[str]) -> str:
    may_change = any(field in changeable for field in group.fields)
    return f"{group.meaning} {CHANGEABLE}" if may_change else group.meaning


def _values(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    kind, *constraints = get_args(hint) or (hint,)
    words = {str: "text", int: "integer", float: "number", bool: "`true`, `false`"}[kind]
    return ", ".join([words, *(_bounds(meta) for meta in constraints if _bounds(meta))])


def _bounds(meta: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = {name: getattr(meta, name, None) for name in signs}
    return ", ".join(f"{signs[name]} {limit}" for name, limit in limits.items() if limit is not None)


def _written(default: object) -> str:
    if default == "":
        return "unset"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def page(current: str) -> str:
    """The page with its tables as the code has them now."""
    before, _, rest = current.partition(BEGIN)
    _, _, after = rest.partition(END)
    sections = [f"## {name}\n\n{table(module)}\n" for name, module in DEPLOYABLES.items()]
    return f"{before}{BEGIN}\n{''.join(sections)}{END}{after}"


def public() -> str:
    """The names of all settings of processes that are not marked as secrets, one on each line."""
    names = set()
    for module in DEPLOYABLES.values():
        known = env_names(module.Settings, module.PREFIX)
        names |= {known[field.name] for field in dataclasses.fields(module.Settings) if field.repr}
    return "".join(f"{name}\n" for name in sorted(names))


if __name__ == "__main__":
    PUBLIC.write_text(public(), "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
