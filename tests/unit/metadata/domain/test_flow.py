import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.metadata.domain.flow import FlowInput, StoredFlow, parse_flow, served_document
from services.metadata.domain.jsons import MAX_DEPTH
from services.shared.errors import InvalidArgument
from tests.support import official
from tests.support.flows import FORMATS, a_flow, encoded, every_member, flow_id

MANAGED = ("created", "metadata_updated", "segments_updated", "collected_by", "timerange")
Path = tuple[str | int, ...]


def refusal(document: bytes) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        parse_flow(document)
    assert caught.value.reason == "BAD_FLOW"
    return caught.value


def path_of(document: object) -> str:
    return refusal(encoded(document)).metadata["path"]


def accepts(document: object) -> bool:
    try:
        parse_flow(encoded(document))
    except InvalidArgument:
        return refusal(encoded(document)).metadata["path"] == ""
    return True


def places(value: object, path: Path = ()) -> Iterator[Path]:
    """Every place in a document, the root left out."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def replaced(document: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(document))
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def removed(document: dict[str, Any], path: Path) -> dict[str, Any]:
    changed = replaced(document, path, None)
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


def json_path(path: Path) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


@pytest.mark.parametrize("kind", FORMATS)
def test_least_and_fullest_flow_of_each_format(kind: str) -> None:
    for document in (a_flow(kind=kind), every_member(kind)):
        flow = parse_flow(encoded(document))
        assert flow.members == document
        assert flow.format == FORMATS[kind]


@official.needed
@pytest.mark.parametrize("kind", FORMATS)
def test_own_documents_satisfy_the_official_schema(kind: str) -> None:
    official.validator("flow.json").validate(a_flow(kind=kind))
    official.validator("flow.json").validate(every_member(kind))


@official.needed
@pytest.mark.parametrize("name", ["flow-get-200*.json", "flow-put*.json", "flows-get-200*.json"])
def test_official_examples_are_accepted(name: str) -> None:
    for path in official.examples(name):
        accept_all_in(path)


def accept_all_in(path: pathlib.Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    for document in found if isinstance(found, list) else [found]:
        parse_flow(encoded(document))


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.integers(2**31, 2**70),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer()),
    st.text(max_size=4),
    st.sampled_from(
        ["progressive", "YUYV", "RGB", "BT709", "a/b", "0_1", flow_id(3), "urn:x-nmos:format:audio"]
    ),
    st.just([]),
    st.just({}),
    st.just([1]),
    st.just({"numerator": 1}),
    st.just({"unknown": 1}),
)


@official.needed
@given(st.sampled_from(list(FORMATS)), st.data())
def test_one_change_is_judged_as_the_official_schema_judges_it(kind: str, data: st.DataObject) -> None:
    document = every_member(kind)
    place = data.draw(st.sampled_from(list(places(document))))
    changed = data.draw(
        st.one_of(
            st.just(removed(document, place)), ODD_VALUES.map(lambda value: replaced(document, place, value))
        )
    )
    assume(not only_prose_decides(changed))
    assert accepts(changed) == official.validator("flow.json").is_valid(changed)


def only_prose_decides(document: dict[str, Any]) -> bool:
    """Whether a rule applies that no schema states: those for raw codecs, and our bound of frame sizes."""
    parameters = document.get("essence_parameters")
    if not isinstance(parameters, dict):
        return False
    sizes = [parameters.get(name) for name in ("frame_width", "frame_height")]
    if any(isinstance(size, int) and size >= 2**31 for size in sizes):
        return True
    is_raw = document.get("codec") in ("video/raw", "audio/x-raw-int", "audio/x-raw-float")
    named = ("bit_depth", "unc_parameters", "horiz_chroma_subs", "vert_chroma_subs")
    return is_raw and not all(name in parameters for name in named[: 4 if "frame_width" in parameters else 2])


@official.needed
@given(st.sampled_from(list(FORMATS)), ODD_VALUES)
def test_an_additional_member_is_judged_as_the_official_schema_judges_it(kind: str, value: object) -> None:
    document = every_member(kind)
    for place in ((), *places(document)):
        inner: Any = document
        for key in place:
            inner = inner[key]
        if isinstance(inner, dict):
            changed = replaced(document, (*place, "additional"), value)
            assert accepts(changed) == official.validator("flow.json").is_valid(changed), place


@pytest.mark.parametrize("kind", FORMATS)
def test_a_fault_is_named_by_its_path(kind: str) -> None:
    document = every_member(kind)
    for place in places(document):
        if kind == "multi" and place[0] == "essence_parameters":
            continue
        expected = json_path(place)
        if place[0] == "tags" and len(place) > 1:
            expected = f"$.tags[{place[1]!r}]"
        assert path_of(replaced(document, place, None)) == expected, "null"
        assert path_of(replaced(document, place, [[]])).startswith(expected.removesuffix("[...]")), "array"


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("member", ["id", "source_id", "format", "codec", "essence_parameters"])
def test_required_members(kind: str, member: str) -> None:
    document = a_flow(
        kind=kind, codec="video/mp2t", essence_parameters=every_member(kind).get("essence_parameters")
    )
    document.pop(member, None)
    if kind == "multi" and member in ("codec", "essence_parameters"):
        parse_flow(encoded(document))
    else:
        assert member in refusal(encoded(document)).summary


@pytest.mark.parametrize(
    "text",
    [
        "",
        flow_id(1).upper(),
        flow_id(1) + "\n",
        " " + flow_id(1),
        "00000000-0000-0000-0000-000000000000",
        "8f1c6a2e-0000-7000-8000-000000000001",
        "8f1c6a2e-0000-4000-0000-000000000001",
        "8f1c6a2e00004000800000000001",
    ],
)
@pytest.mark.parametrize("member", ["id", "source_id"])
def test_ids_are_lower_case_uuids_of_versions_1_to_5(member: str, text: str) -> None:
    assert path_of(a_flow(**{member: text})) == f"$.{member}"


RAW_VIDEO = {"frame_width": 8, "frame_height": 8, "bit_depth": 8, "unc_parameters": {"unc_type": "RGB"}}
RAW_AUDIO = {"sample_rate": 1, "channels": 1, "bit_depth": 32, "unc_parameters": {"unc_type": "planar"}}
YUV = RAW_VIDEO | {
    "unc_parameters": {"unc_type": "v210"},
    "horiz_chroma_subs": 2,
    "vert_chroma_subs": 1,
}


@pytest.mark.parametrize(
    ("kind", "codec", "parameters", "missing"),
    [
        ("video", "video/raw", RAW_VIDEO, "bit_depth"),
        ("video", "video/raw", RAW_VIDEO, "unc_parameters"),
        ("video", "video/raw", YUV, "horiz_chroma_subs"),
        ("video", "video/raw", YUV, "vert_chroma_subs"),
        ("video", "video/h264", YUV, "vert_chroma_subs"),
        ("audio", "audio/x-raw-int", RAW_AUDIO, "bit_depth"),
        ("audio", "audio/x-raw-int", RAW_AUDIO, "unc_parameters"),
        ("audio", "audio/x-raw-float", RAW_AUDIO, "bit_depth"),
        ("audio", "audio/x-raw-float", RAW_AUDIO, "unc_parameters"),
    ],
)
def test_what_raw_codecs_must_tell(kind: str, codec: str, parameters: dict[str, Any], missing: str) -> None:
    parse_flow(encoded(a_flow(kind=kind, codec=codec, essence_parameters=parameters)))
    short = {name: value for name, value in parameters.items() if name != missing}
    assert (
        path_of(a_flow(kind=kind, codec=codec, essence_parameters=short)) == f"$.essence_parameters.{missing}"
    )


@given(st.integers(1, 128))
def test_float_samples_have_32_or_64_bits(bits: int) -> None:
    flow = a_flow(kind="audio", codec="audio/x-raw-float", essence_parameters=RAW_AUDIO | {"bit_depth": bits})
    assert accepts(flow) == (bits in (32, 64))


def test_essence_parameters_of_another_format_are_refused() -> None:
    assert "frame_width" in refusal(encoded(a_flow(kind="audio", essence_parameters=RAW_VIDEO))).summary


def test_what_the_service_manages_is_dropped_whatever_it_holds() -> None:
    sent = a_flow() | dict.fromkeys(MANAGED) | {"created": 5, "collected_by": {}, "timerange": "x"}
    assert parse_flow(encoded(sent)).members == a_flow()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_unknown_members_are_kept_as_they_are(value: object) -> None:
    assert parse_flow(encoded(a_flow() | {"vendor": value})).members["vendor"] == value


def test_the_last_of_repeated_members_counts_and_each_must_be_valid() -> None:
    document = encoded(a_flow())
    flow = parse_flow(document[:-1] + b',"label":"first","label":"last"}')
    assert (flow.flow.label, flow.members["label"]) == ("last", "last")
    assert refusal(document[:-1] + b',"label":5,"label":"last"}').metadata["path"] == "$.label"
    for other in (b'"no format"', b'"urn:x-nmos:format:audio"'):
        assert refusal(document[:-1] + b',"format":' + other + b"}").metadata["path"] == "$.format"


def spliced(text: bytes) -> bytes:
    return encoded(a_flow())[:-1] + b',"vendor":' + text + b"}"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b'"flow"',
        encoded([a_flow()]),
        encoded(a_flow())[:-1],
        encoded(a_flow()) + b"x",
        b"\xef\xbb\xbf" + encoded(a_flow()),
        spliced(b'"\xff"'),
        spliced(b'"\xed\xa0\x80"'),
        spliced(b'"\\ud800"'),
        spliced(b'"\\udc00\\ud800"'),
        spliced(b"NaN"),
        spliced(b"Infinity"),
        spliced(b"1e999"),
        spliced(b"01"),
        spliced(b"'x'"),
        spliced(b'"\t"'),
        spliced(b"9" * 5000),
        spliced(b"[" * 500 + b"]" * 500),
        spliced(b"[" * 1_000_000),
        spliced(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    ],
)
def test_what_is_no_json_flow_is_refused(document: bytes) -> None:
    assert refusal(document).metadata["path"].startswith("$")


@example(MAX_DEPTH - 1)
@example(MAX_DEPTH)
@given(st.integers(1, 2 * MAX_DEPTH))
def test_nesting_is_bounded(levels: int) -> None:
    document = spliced(b"[" * levels + b"]" * levels)
    if levels < MAX_DEPTH:
        parse_flow(document)
    else:
        refusal(document)


def test_wide_documents_are_not_deep() -> None:
    parse_flow(encoded(a_flow(vendor=[[] for _ in range(5000)])))


def test_large_whole_numbers_are_kept() -> None:
    flow = parse_flow(encoded(a_flow(generation=10**30, avg_bit_rate=2**64, vendor=-(10**40))))
    assert (flow.members["generation"], flow.members["vendor"]) == (10**30, -(10**40))


@pytest.mark.parametrize(("size", "fits"), [(1, True), (2**31 - 1, True), (2**31, False), (0, False)])
def test_frame_sizes_fit_the_tables(size: int, *, fits: bool) -> None:
    assert accepts(a_flow(essence_parameters={"frame_width": size, "frame_height": 1})) is fits


def test_a_collection_is_bounded() -> None:
    items = [{"id": flow_id(2), "role": "r"}] * 1000
    parse_flow(encoded(a_flow(kind="multi", flow_collection=items)))
    assert path_of(a_flow(kind="multi", flow_collection=items * 2)) == "$.flow_collection"


def test_frame_size_of_pictures_only() -> None:
    sizes = {kind: parse_flow(encoded(a_flow(kind=kind))).frame_size for kind in FORMATS}
    assert sizes == {
        "video": (1920, 1080),
        "image": (640, 360),
        **dict.fromkeys(("audio", "data", "multi"), (None, None)),
    }


def test_absent_tags_and_collection_read_as_empty() -> None:
    flow: FlowInput = parse_flow(encoded(a_flow()))
    assert (flow.tags, flow.collection) == ({}, [])


def stored(**columns: Any) -> StoredFlow:
    values: dict[str, Any] = dict.fromkeys(StoredFlow._fields)
    return StoredFlow(**(values | columns))


def test_served_document_has_what_is_derived() -> None:
    assert served_document(stored(document=b'{"id":"x"}')) == b'{"id":"x"}'
    full = stored(document=b'{"id":"x"}', segments_updated="2026", collected_by=b'["y"]')
    assert json.loads(served_document(full, "_")) == {
        "id": "x",
        "segments_updated": "2026",
        "collected_by": ["y"],
        "timerange": "_",
    }
