import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.metadata.domain.documents.jsons import MAX_DEPTH
from services.metadata.domain.flows.flow import FlowInput, StoredFlow, parse_flow, served_document
from services.shared.errors import InvalidArgument
from tests.support.metadata.flows import FORMATS, a_flow, encoded, every_member, flow_id
from tests.support.openapi import official

MANAGED = ("created", "metadata_updated", "segments_updated", "collected_by", "timerange")
ValuePath = tuple[str | int, ...]
MAX_INT = 2**63 - 1


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


def paths_in(value: object, path: ValuePath = ()) -> Iterator[ValuePath]:
    """The path of each value in a document, without the root."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from paths_in(child, (*path, key))


def with_value_at(document: dict[str, Any], path: ValuePath, value: object) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(document))
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def without_value_at(document: dict[str, Any], path: ValuePath) -> dict[str, Any]:
    changed = with_value_at(document, path, None)
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


def json_path(path: ValuePath) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_smallest_and_the_fullest_flow_of_each_format_are_accepted(kind: str) -> None:
    for document in (a_flow(kind=kind), every_member(kind)):
        flow = parse_flow(encoded(document))
        assert flow.members == document
        assert flow.format == FORMATS[kind]


@official.needed
@pytest.mark.parametrize("kind", FORMATS)
def test_the_flows_of_these_tests_satisfy_the_official_schema(kind: str) -> None:
    official.validator("flow.json").validate(a_flow(kind=kind))
    official.validator("flow.json").validate(every_member(kind))


@official.needed
@pytest.mark.parametrize("name", ["flow-get-200*.json", "flow-put*.json", "flows-get-200*.json"])
def test_official_examples_are_accepted(name: str) -> None:
    for path in official.examples(name):
        parse_all_in(path)


def parse_all_in(path: pathlib.Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    for document in content if isinstance(content, list) else [content]:
        parse_flow(encoded(document))


UNUSUAL_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.integers(2**31, MAX_INT),
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
def test_a_changed_value_is_accepted_if_the_official_schema_accepts_it(
    kind: str, data: st.DataObject
) -> None:
    document = every_member(kind)
    path = data.draw(st.sampled_from(list(paths_in(document))))
    changed = data.draw(
        st.one_of(
            st.just(without_value_at(document, path)),
            UNUSUAL_VALUES.map(lambda value: with_value_at(document, path, value)),
        )
    )
    assume(not has_rule_beyond_schema(changed))
    assert accepts(changed) == official.validator("flow.json").is_valid(changed)


def has_rule_beyond_schema(document: dict[str, Any]) -> bool:
    """Whether a rule applies that is in no schema: those for raw codecs, and the limit of frame sizes."""
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
@given(st.sampled_from(list(FORMATS)), UNUSUAL_VALUES)
def test_an_additional_member_is_accepted_if_the_official_schema_accepts_it(kind: str, value: object) -> None:
    document = every_member(kind)
    for path in ((), *paths_in(document)):
        inner: Any = document
        for key in path:
            inner = inner[key]
        if isinstance(inner, dict):
            changed = with_value_at(document, (*path, "additional"), value)
            assert accepts(changed) == official.validator("flow.json").is_valid(changed), path


@pytest.mark.parametrize("kind", FORMATS)
def test_a_fault_is_reported_with_its_path(kind: str) -> None:
    document = every_member(kind)
    for path in paths_in(document):
        if kind == "multi" and path[0] == "essence_parameters":
            continue
        expected = json_path(path)
        if path[0] == "tags" and len(path) > 1:
            expected = "$.tags[...]"
        assert path_of(with_value_at(document, path, None)) == expected, "null"
        assert path_of(with_value_at(document, path, [[]])).startswith(expected.removesuffix("[...]")), (
            "array"
        )


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("member", ["id", "source_id", "format", "codec", "essence_parameters"])
def test_a_flow_without_a_required_member_is_refused(kind: str, member: str) -> None:
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
    members: dict[str, Any] = {member: text}
    assert path_of(a_flow(**members)) == f"$.{member}"


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
def test_raw_codecs_need_further_essence_parameters(
    kind: str, codec: str, parameters: dict[str, Any], missing: str
) -> None:
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


def test_members_that_the_service_manages_are_dropped_with_any_value() -> None:
    sent = a_flow() | dict.fromkeys(MANAGED) | {"created": 5, "collected_by": {}, "timerange": "x"}
    assert parse_flow(encoded(sent)).members == a_flow()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-MAX_INT - 1, MAX_INT)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_unknown_members_are_kept_unchanged(value: object) -> None:
    assert parse_flow(encoded(a_flow() | {"vendor": value})).members["vendor"] == value


def test_the_last_of_repeated_members_counts_but_each_must_be_valid() -> None:
    document = encoded(a_flow())
    flow = parse_flow(document[:-1] + b',"label":"first","label":"last"}')
    assert (flow.flow.label, flow.members["label"]) == ("last", "last")
    assert refusal(document[:-1] + b',"label":5,"label":"last"}').metadata["path"] == "$.label"
    for other in (b'"no format"', b'"urn:x-nmos:format:audio"'):
        assert refusal(document[:-1] + b',"format":' + other + b"}").metadata["path"] == "$.format"


def flow_with_value(text: bytes) -> bytes:
    return flow_with_members(b'"vendor":' + text)


def flow_with_members(text: bytes) -> bytes:
    return encoded(a_flow())[:-1] + b"," + text + b"}"


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
        flow_with_value(b'"\xff"'),
        flow_with_value(b'"\xed\xa0\x80"'),
        flow_with_value(b'"\\ud800"'),
        flow_with_value(b'"\\udc00\\ud800"'),
        flow_with_value(b"NaN"),
        flow_with_value(b"Infinity"),
        flow_with_value(b"1e999"),
        flow_with_value(b"01"),
        flow_with_value(b"'x'"),
        flow_with_value(b'"\t"'),
        flow_with_value(b"9" * 5000),
        flow_with_value(b"[" * 500 + b"]" * 500),
        flow_with_value(b"[" * 1_000_000),
        flow_with_value(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    ],
)
def test_a_document_that_is_not_a_json_flow_is_refused(document: bytes) -> None:
    assert refusal(document).metadata["path"].startswith("$")


@example(MAX_DEPTH - 1)
@example(MAX_DEPTH)
@given(st.integers(1, 2 * MAX_DEPTH))
def test_the_nesting_of_a_flow_is_bounded(levels: int) -> None:
    document = flow_with_value(b"[" * levels + b"]" * levels)
    if levels < MAX_DEPTH:
        parse_flow(document)
    else:
        refusal(document)


def test_many_siblings_do_not_count_as_nesting() -> None:
    parse_flow(encoded(a_flow(vendor=[[] for _ in range(5000)])))


def test_large_integers_are_kept_exactly() -> None:
    flow = parse_flow(encoded(a_flow(generation=MAX_INT, avg_bit_rate=2**53 + 1, vendor=-MAX_INT - 1)))
    assert (flow.members["generation"], flow.members["avg_bit_rate"]) == (MAX_INT, 2**53 + 1)
    assert flow.members["vendor"] == -MAX_INT - 1


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("$.max_bit_rate", b'"max_bit_rate":%b'),
        ("$.avg_bit_rate", b'"avg_bit_rate":%b'),
        ("$.generation", b'"generation":%b'),
        ("$.segment_duration.numerator", b'"segment_duration":{"numerator":%b}'),
        ("$.segment_duration.denominator", b'"segment_duration":{"numerator":1,"denominator":%b}'),
        ("$.container_mapping.track_index", b'"container_mapping":{"track_index":%b}'),
        (
            "$.container_mapping.audio_track.channel_numbers[1]",
            b'"container_mapping":{"audio_track":{"channel_numbers":[1, %b ]}}',
        ),
        ("$.container_mapping.mp2ts_container.pid", b'"container_mapping":{"mp2ts_container":{"pid":%b}}'),
        ("$.vendor", b'"vendor":%b'),
        ("$.vendor[1].x", b'"vendor":[{}, {"x": %b}]'),
    ],
)
@pytest.mark.parametrize(
    "number", [b"9223372036854775808", b"-9223372036854775809", b"1" * 4000, b"1" * 5000]
)
def test_integers_beyond_64_bits_are_refused(path: str, place: bytes, number: bytes) -> None:
    assert refusal(flow_with_members(place % number)).metadata["path"] == path


@pytest.mark.parametrize("number", [b"1e400", b"-1E+999", b"9" * 400 + b".0"])
def test_decimals_beyond_a_double_are_refused(number: bytes) -> None:
    assert refusal(flow_with_members(b'"vendor":%b' % number)).metadata["path"] == "$.vendor"


def test_digits_in_texts_are_not_checked_as_numbers() -> None:
    parse_flow(encoded(a_flow(label="1" * 5000, tags={"1" * 30: "1e999"}, vendor=[0.1234567890123456789])))


@pytest.mark.parametrize(("size", "fits"), [(1, True), (2**31 - 1, True), (2**31, False), (0, False)])
def test_frame_sizes_must_fit_into_the_tables(size: int, *, fits: bool) -> None:
    assert accepts(a_flow(essence_parameters={"frame_width": size, "frame_height": 1})) is fits


def test_a_collection_has_at_most_1000_flows() -> None:
    items = [{"id": flow_id(2), "role": "r"}] * 1000
    parse_flow(encoded(a_flow(kind="multi", flow_collection=items)))
    assert path_of(a_flow(kind="multi", flow_collection=items * 2)) == "$.flow_collection"


def test_only_pictures_have_a_frame_size() -> None:
    sizes = {kind: parse_flow(encoded(a_flow(kind=kind))).frame_size for kind in FORMATS}
    assert sizes == {
        "video": (1920, 1080),
        "image": (640, 360),
        **dict.fromkeys(("audio", "data", "multi"), (None, None)),
    }


def test_absent_tags_and_collections_are_empty() -> None:
    flow: FlowInput = parse_flow(encoded(a_flow()))
    assert (flow.tags, flow.collection) == ({}, [])


def stored_flow(**columns: Any) -> StoredFlow:
    values: dict[str, Any] = dict.fromkeys(StoredFlow._fields)
    return StoredFlow(**(values | columns))


def test_the_served_document_has_the_derived_members() -> None:
    assert served_document(stored_flow(document=b'{"id":"x"}')) == b'{"id":"x"}'
    full = stored_flow(document=b'{"id":"x"}', segments_updated="2026", collected_by=b'["y"]')
    assert json.loads(served_document(full, "_")) == {
        "id": "x",
        "segments_updated": "2026",
        "collected_by": ["y"],
        "timerange": "_",
    }
