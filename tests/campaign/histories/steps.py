"""Random requests to a world of flows and sources, each as the name and arguments of a method."""

import random
from collections.abc import Callable
from typing import Any, TypeAlias

from tests.support.metadata.flows import FORMATS
from tests.support.models.histories import FLOWS, SOURCES, NewSegment
from tests.support.models.written_ranges import Written, read

Step: TypeAlias = tuple[str, dict[str, Any]]
Draw: TypeAlias = Callable[[random.Random, int], Step]

TAGS = ["a", "a.b/ü%2F", "x y", "...", "%", "日本/語?#&=+", ":"]
SECONDS = 40
_ROLES = ["left", "right", "höhe"]
_TEXTS = ["1", "", "two words", 'quote " \\ \u2028', "ü" * 60]
_FORMS = [
    "[{0}:0_{1}:0)", "[{0}:0_{1}:0]", "({0}:0_{1}:0)", "({0}:0_{1}:0]", "{0}:0_{1}:0", "[{0}:0]", "{0}:0",
    "[{0}:0_", "({0}:0_", "_{1}:0)", "_{1}:0]", "_", "()", "[{0}:500000000_{1}:1)", "[-{0}:0_{1}:0)",
]  # fmt: skip


def draw(numbers: random.Random, objects: int) -> Step:
    """A random request. `objects` is the number of known objects."""
    (chosen,) = numbers.choices(list(_DRAWS), weights=list(_DRAWS.values()))
    return chosen(numbers, objects)


def within(numbers: random.Random) -> Written:
    """A range of any form over the seconds of a world."""
    start, length = numbers.randrange(SECONDS), numbers.choice([0, 1, 2, 5, 20])
    return read(numbers.choice(_FORMS).format(start, start + length))


def flow_put(numbers: random.Random) -> dict[str, Any]:
    """The arguments of a PUT of a flow."""
    more: dict[str, Any] = {}
    if numbers.random() < 0.3:
        more["tags"] = {numbers.choice(TAGS): numbers.choice(_TEXTS)}
    if numbers.random() < 0.3:
        more["label"] = numbers.choice(_TEXTS)
    if numbers.random() < 0.1:
        more["read_only"] = numbers.random() < 0.5
    if numbers.random() < 0.1:
        more["metadata_version"] = numbers.choice("12")
    if numbers.random() < 0.1:
        more["container"] = None
    if numbers.random() < 0.1:
        more["format"] = numbers.choice([FORMATS["video"], FORMATS["multi"]])
    return {
        "number": numbers.randrange(FLOWS),
        "source": numbers.randrange(SOURCES),
        "collection": _collection(numbers),
        "more": more,
    }


def _collection(numbers: random.Random) -> list[tuple[int, str]]:
    return [
        (numbers.choice([1, 1, 2, 0]), numbers.choice(_ROLES)) for _ in range(numbers.choice([0, 0, 1, 2]))
    ]


def _segment(numbers: random.Random, objects: int) -> NewSegment:
    has_urls = numbers.random() < 0.3
    return (
        numbers.randrange(SECONDS),
        numbers.choice([0, 1, 1, 1, 2, 5]),
        numbers.choice("))]"),
        numbers.randrange(objects),
        has_urls,
    )


def _put_flow(numbers: random.Random, _objects: int) -> Step:
    return "put_flow", flow_put(numbers)


def _put_flows(numbers: random.Random, _objects: int) -> Step:
    return "put_flows", {"puts": [flow_put(numbers) for _ in range(numbers.randint(1, 4))]}


def _delete_flow(numbers: random.Random, _objects: int) -> Step:
    return "delete_flow", {"number": numbers.randrange(FLOWS)}


def _change_flow(numbers: random.Random, _objects: int) -> Step:
    name = numbers.choice(["label", "description", "flow_collection", "max_bit_rate", "avg_bit_rate"])
    values = {
        "flow_collection": _collection(numbers),
        "max_bit_rate": numbers.choice([0, 1, 2**31]),
        "avg_bit_rate": numbers.choice([0, 7]),
    }
    value = values.get(name, numbers.choice(_TEXTS))
    return "change_flow", {
        "number": numbers.randrange(FLOWS),
        "name": name,
        "value": None if numbers.random() < 0.3 else value,
    }


def _protect(numbers: random.Random, _objects: int) -> Step:
    value = numbers.random() < 0.25
    return "change_flow", {"number": numbers.randrange(FLOWS), "name": "read_only", "value": value}


def _tag_flow(numbers: random.Random, _objects: int) -> Step:
    return "tag_flow", {"number": numbers.randrange(FLOWS), **_tag(numbers)}


def _tag_source(numbers: random.Random, _objects: int) -> Step:
    return "tag_source", {"number": numbers.randrange(SOURCES), **_tag(numbers)}


def _tag(numbers: random.Random) -> dict[str, Any]:
    value = None if numbers.random() < 0.3 else numbers.choice(_TEXTS)
    return {"name": numbers.choice(TAGS), "value": value}


def _tags_at_once(numbers: random.Random, _objects: int) -> Step:
    tags = {name: numbers.choice(_TEXTS) for name in numbers.sample(TAGS, numbers.randint(0, 3))}
    method = numbers.choice(["PUT", "POST", "DELETE"])
    return "tags_at_once", {"number": numbers.randrange(FLOWS), "method": method, "tags": tags}


def _describe_source(numbers: random.Random, _objects: int) -> Step:
    return "describe_source", {
        "number": numbers.randrange(SOURCES),
        "name": numbers.choice(["label", "description"]),
        "value": None if numbers.random() < 0.3 else numbers.choice(_TEXTS),
    }


def _describe_sources(numbers: random.Random, _objects: int) -> Step:
    changes = [(numbers.randrange(SOURCES), numbers.choice(_TEXTS)) for _ in range(numbers.randint(1, 3))]
    return "describe_sources", {"changes": changes}


def _allocate(numbers: random.Random, objects: int) -> Step:
    names = [numbers.randrange(objects) for _ in range(numbers.randint(1, 2))]
    return "allocate", {"number": numbers.randrange(FLOWS), "names": names}


def _allocate_new(numbers: random.Random, _objects: int) -> Step:
    return "allocate_new", {"number": numbers.randrange(FLOWS), "count": numbers.randint(1, 3)}


def _register_segment(numbers: random.Random, objects: int) -> Step:
    return "register_segment", {"number": numbers.randrange(FLOWS), "wanted": _segment(numbers, objects)}


def _register_segments(numbers: random.Random, objects: int) -> Step:
    wanted = [_segment(numbers, objects) for _ in range(numbers.randint(0, 8))]
    return "register_segments", {"number": numbers.randrange(FLOWS), "wanted": wanted}


def _delete_segments(numbers: random.Random, objects: int) -> Step:
    return "delete_segments", {
        "number": numbers.randrange(FLOWS),
        "within": None if numbers.random() < 0.1 else within(numbers),
        "name": numbers.randrange(objects) if numbers.random() < 0.3 else None,
    }


def _compare_range(numbers: random.Random, _objects: int) -> Step:
    return "compare_range", {"within": within(numbers), "reverse": numbers.random() < 0.5}


def _walk(numbers: random.Random, _objects: int) -> Step:
    return "walk_segments", {
        "number": numbers.randrange(FLOWS),
        "within": within(numbers),
        "limit": numbers.randint(1, 7),
        "reverse": numbers.random() < 0.5,
    }


def _simple(name: str) -> Draw:
    return lambda numbers, _objects: (name, {"number": numbers.randrange(FLOWS)})


_DRAWS: dict[Draw, float] = {
    _put_flow: 5,
    _put_flows: 2,
    _delete_flow: 1,
    _change_flow: 5,
    _protect: 3,
    _tag_flow: 3,
    _tag_source: 2,
    _tags_at_once: 2,
    _describe_source: 2,
    _describe_sources: 1,
    _allocate: 2,
    _allocate_new: 4,
    _register_segment: 14,
    _register_segments: 10,
    _delete_segments: 4,
    _compare_range: 2,
    _walk: 3,
    _simple("list_flows"): 2,
    _simple("compare_coverage"): 2,
    _simple("compare_bytes"): 3,
    _simple("compare_properties"): 2,
}
