import json
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.codecs import filters as gateway_filters
from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result

FLOW_ID = "d7a2d2f7-3a6f-4d3a-9f0e-0c9e1c0f5a11"
SOURCE_ID = "2f2b1d4c-6d1e-4f57-8a3e-6a1f4c3b2d10"
FLOW = {
    "id": FLOW_ID,
    "source_id": SOURCE_ID,
    "format": "urn:x-nmos:format:video",
    "codec": "video/h264",
    "label": "a [bold]label[/bold]",
    "essence_parameters": {"frame_rate": {"numerator": 30000, "denominator": 1001}, "frame_width": 1920},
    "tags": {"weather": "rain"},
    "x_unknown": 1,
}
SOURCE = {"id": SOURCE_ID, "format": "urn:x-nmos:format:video"}
SEGMENT = {"object_id": "an/object", "timerange": "[0:0_2:0)", "sample_count": 50, "get_urls": []}
COVERAGE = {
    "timerange": "[0:0_10:0)",
    "covered": ["[0:0_4:0)", "[6:500000000_10:0)"],
    "gaps": ["[4:0_6:500000000)"],
    "covered_ns": 7_500_000_000,
    "gap_ns": 2_500_000_000,
    "segment_count": 4,
    "covered_count": 2,
    "gap_count": 1,
}
USAGE = {
    "storage_id": "5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10",
    "objects": 3,
    "measured_objects": 2,
    "bytes": 1_234_567,
    "allocated_objects": 1,
    "unreferenced_objects": 0,
}
NOT_FOUND = {"type": "FLOW_NOT_FOUND", "summary": "no such flow", "time": "2024-01-01T00:00:00Z"}


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def query_of(server: ScriptedServer) -> dict[str, str]:
    """The query of the last request."""
    return dict(parse_qsl(urlsplit(server.requests[-1].target).query, keep_blank_values=True))


def test_flows_are_a_table_with_whole_ids(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body([FLOW, {**FLOW, "label": "long " * 40}]))

    result = tams("flows")

    assert result.code == 0
    assert result.out.splitlines()[0].split() == ["id", "format", "codec", "label"]
    assert result.out.splitlines()[1] == f"{FLOW_ID}  video   video/h264  a [bold]label[/bold]"
    assert not any(line != line.rstrip() for line in result.out.splitlines())


def test_flows_as_json_are_the_documents_of_the_store(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=body([FLOW]), Link='</flows?page=2>; rel="next"')
    server.then(body=body([FLOW]))

    result = tams("flows", "--json", "--codec", "video/h264")

    assert result.json == [FLOW, FLOW]
    assert result.err == ""
    assert server.requests[0].target == "/flows?limit=300&codec=video%2Fh264"


def test_an_empty_list_is_valid_json_or_a_message(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=b"[]")
    server.then(body=b"[]")

    assert tams("sources", "--json").json == []
    result = tams("sources")
    assert (result.code, result.out, result.err) == (0, "", "no sources\n")


def test_a_limited_table_is_followed_by_a_message(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=body([SOURCE, SOURCE, SOURCE]))

    result = tams("sources", "--limit", "2")

    assert len(result.out.splitlines()) == 3
    assert "the first 2; there are more" in result.err


def test_flows_have_all_filters_of_the_api(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=b"[]")
    options = {
        "--format": "image",
        "--codec": "video/h264",
        "--label": "Camera 3",
        "--source": SOURCE_ID,
        "--timerange": "[0:0_10:0)",
        "--frame-width": "1920",
        "--frame-height": "1080",
        "--tag": "camera=3=c",
        "--has-tag": "match.day",
        "--lacks-tag": "rejected",
    }

    result = tams("flows", *(word for option in options.items() for word in option))

    assert (result.code, result.out, result.err) == (0, "", "no flows\n")
    assert query_of(server) == {
        "limit": "300",
        "format": "urn:x-tam:format:image",
        "codec": "video/h264",
        "label": "Camera 3",
        "source_id": SOURCE_ID,
        "timerange": "[0:0_10:0)",
        "frame_width": "1920",
        "frame_height": "1080",
        "tag.camera": "3=c",
        "tag_exists.match.day": "true",
        "tag_exists.rejected": "false",
    }


@pytest.mark.parametrize("name", gateway_filters.FORMATS)
def test_each_format_of_the_api_has_a_short_name(
    server: ScriptedServer, tams: Callable[..., Result], name: str
) -> None:
    server.then(body=b"[]")

    assert tams("flows", "--format", name.rpartition(":")[2]).code == 0
    assert query_of(server)["format"] == name


def test_sources_have_filters_for_format_label_and_tags(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=body([SOURCE]))

    result = tams("sources", "--format", "video", "--label", "x", "--tag", "a=", "--has-tag", "b", "--ids")

    assert result.out == f"{SOURCE_ID}\n"
    filters = {"format": SOURCE["format"], "label": "x", "tag.a": "", "tag_exists.b": "true"}
    assert query_of(server) == {"limit": "300", **filters}


def test_ids_are_listed_in_lines_up_to_the_limit(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body([FLOW, FLOW]), Link='</flows?page=2>; rel="next"')
    server.then(body=body([FLOW]))
    server.then(body=body([FLOW, FLOW]))

    assert tams("flows", "--ids").out == f"{FLOW_ID}\n" * 3
    first = tams("flows", "--ids", "--limit", "1")

    assert (first.out, first.err) == (f"{FLOW_ID}\n", "")
    assert server.requests[2].target == "/flows?limit=2"


def test_a_flow_is_shown_with_its_extent(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body({**FLOW, "timerange": "[0:0_10:0)"}))

    result = tams("flow", FLOW_ID)

    assert server.requests[0].target == f"/flows/{FLOW_ID}?include_timerange=true"
    assert "timerange    [0:0_10:0)" in result.out or "timerange  [0:0_10:0)" in result.out
    assert "frame_rate: 30000/1001" in result.out
    assert "a [bold]label[/bold]" in result.out


def test_a_flow_as_json_is_the_document_of_the_store(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=body(FLOW))

    assert tams("flow", FLOW_ID, "--json").json == FLOW


def test_control_characters_of_the_store_are_not_printed(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=body({**FLOW, "label": "\x1b[2Jgone\r\n"}))

    assert "\x1b" not in tams("flow", FLOW_ID).out


def test_segments_are_requested_by_timerange_and_without_urls(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=body([SEGMENT]))
    server.then(body=body([SEGMENT]))

    table = tams("segments", FLOW_ID, "--timerange", "[0:0_10:0)")
    documents = tams("segments", FLOW_ID, "--json").json

    assert table.out.splitlines()[1] == "[0:0_2:0)  an/object"
    assert documents == [{"object_id": "an/object", "timerange": "[0:0_2:0)", "sample_count": 50}]
    assert "timerange=%5B0%3A0_10%3A0%29" in server.requests[0].target
    assert "accept_get_urls=" in server.requests[0].target


def test_urls_of_segments_are_listed_in_lines_signed_ones_first(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    external = {"url": "http://elsewhere/a", "controlled": False}
    signed = {"url": "http://here/a?X-Amz-Signature=1", "presigned": True}
    server.then(body=body([{**SEGMENT, "get_urls": [external, signed]}, SEGMENT, SEGMENT]))

    result = tams("segments", FLOW_ID, "--urls", "--limit", "2", "--reverse", "--object", "an/object")

    assert (result.code, result.out, result.err) == (
        0,
        f"{signed['url']}\n",
        "segment [0:0_2:0) has no URL\n",
    )
    assert query_of(server) == {"limit": "3", "object_id": "an/object", "reverse_order": "true"}


def test_segments_as_json_have_all_their_urls(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    urls = [{"url": "http://elsewhere/a"}, {"url": "http://here/a", "presigned": True, "label": "x"}]
    server.then(body=body([{**SEGMENT, "get_urls": urls}]))

    (document,) = tams("segments", FLOW_ID, "--urls", "--json").json

    assert [url["url"] for url in document["get_urls"]] == ["http://elsewhere/a", "http://here/a"]


def test_segments_of_a_missing_flow_are_an_error(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=b"[]")
    server.then(body=body(FLOW))
    server.then(body=b"[]")
    server.then(404, body(NOT_FOUND))

    empty, missing = tams("segments", FLOW_ID), tams("segments", FLOW_ID)

    assert (empty.code, empty.err) == (0, "no segments\n")
    assert (missing.code, missing.err) == (3, "tams: no such flow\n")


def test_an_object_is_shown_with_the_flows_that_use_it(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=body({"id": "an/object", "referenced_by_flows": [FLOW_ID]}))

    result = tams("object", "an/object", "--json")

    assert result.json["referenced_by_flows"] == [FLOW_ID]
    assert server.requests[0].target == "/objects/an%2Fobject"


def test_the_service_and_its_backends_are_shown(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body({"type": "urn:x-tams:service:x", "api_version": "7.0", "name": "A store"}))
    backend = {"id": SOURCE_ID, "store_type": "http_object_store", "provider": "p", "store_product": "S"}
    server.then(body=body([{**backend, "default_storage": True}]))

    result = tams("service")

    assert "A store" in result.out
    assert any(line.split() == [SOURCE_ID, "S", "yes"] for line in result.out.splitlines())


def test_storage_usage_is_shown_in_readable_units(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=body({"backends": [USAGE]}))

    result = tams("stats")

    assert server.requests[0].target == "/x/analytics/storage-usage"
    assert f"{USAGE['storage_id']}  3        1.2 MB + 1 not measured  1          0" in result.out


def test_the_most_accessed_objects_are_listed(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    accessed = {"object_id": "o", "storage_id": "s", "urls": 7, "size": 1_200_000, "last_time": "2026-03-04"}
    never = {"object_id": "never", "storage_id": "s", "urls": 0}
    server.then(body=body({"objects": [accessed, never], "complete": False}))

    result = tams("stats", "--accessed", "most", "--limit", "2")

    assert server.requests[0].target == "/x/analytics/object-accesses?order=most&limit=2"
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[1:] == [["o", "7", "2026-03-04", "1.2", "MB"], ["never", "0"]]
    assert "more may follow" in result.err
    assert [tams("stats", *options).code for options in (("--limit", "2"), ("f", "--duplicates"))] == [2, 2]


def test_duplicates_are_listed_with_what_could_be_saved(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    group = {"storage_id": "s", "etag": "e", "size": 1_000_000, "places": 3, "objects": 3}
    numbers = {"group_count": 9, "savable_bytes": 5_000_000, "compared_objects": 50, "unknown_objects": 4}
    server.then(body=body({"groups": [group | {"object_ids": ["o"]}], **numbers}))

    result = tams("stats", "--duplicates")

    assert server.requests[0].target == "/x/analytics/duplicates"
    assert result.out.splitlines()[1].split() == ["o", "3", "1.0", "MB", "2.0", "MB"]
    assert "9 groups, 5.0 MB could be saved" in result.err
    assert "not known: 4" in result.err


def test_coverage_of_a_flow_lists_its_gaps(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body(COVERAGE))
    server.then(body=body(COVERAGE))

    result = tams("stats", FLOW_ID, "--timerange", "[0:0_10:0)")

    assert "[4:0_6:500000000)  2.500 s" in result.out
    assert "7.500 s" in result.out
    assert tams("stats", FLOW_ID, "--json").json == COVERAGE


def test_a_deletion_needs_a_confirmation(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(204)

    unconfirmed = tams("delete", FLOW_ID)
    confirmed = tams("delete", FLOW_ID, "--yes")

    assert unconfirmed.code == 2
    assert (confirmed.code, confirmed.err) == (0, f"deleted {FLOW_ID}\n")
    assert [request.method for request in server.requests] == ["DELETE"]


@pytest.mark.parametrize(("status", "code"), [(400, 1), (403, 1), (404, 3), (500, 1)])
def test_errors_have_one_line_and_an_exit_code(
    server: ScriptedServer, tams: Callable[..., Result], status: int, code: int
) -> None:
    server.then(status, body({"type": "X", "summary": "because", "time": "t"}))

    result = tams("flow", FLOW_ID)

    assert (result.code, result.out, result.err) == (code, "", "tams: because\n")


def test_an_unreachable_store_is_an_error_of_one_line(tams: Callable[..., Result]) -> None:
    # No program listens on the discard port.
    result = tams("--url", "http://127.0.0.1:9", "flows")

    assert result.code == 4
    assert result.err.startswith("tams: cannot reach http://127.0.0.1:9: ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("flow",),
        ("frobnicate",),
        ("segments", FLOW_ID, "--timerange", "tomorrow"),
        ("stats", "--timerange", "[0:0_1:0)"),
        ("ingest", "/no/such/file.mp4"),
        ("sample", "x.mp4", "--seconds", "0"),
        ("sample", "x.mp4", "--seconds", "1/0"),
        ("--url", "not a url", "flows"),
        ("flows", "--limit", "0"),
        ("flows", "--ids", "--json"),
        ("flows", "--format", "film"),
        ("flows", "--tag", "camera"),
        ("flows", "--tag", "=3"),
        ("flows", "--tag", "camera=3", "--tag", "camera=4"),
        ("sources", "--has-tag", "a", "--lacks-tag", "a"),
    ],
)
def test_wrong_usage_is_an_error_of_one_line(
    server: ScriptedServer, tams: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    result = tams(*arguments)

    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("tams: ")
    assert result.err.count("\n") == 1
    assert server.requests == []


def test_long_texts_are_wrapped_on_a_terminal_without_splitting_ids(
    server: ScriptedServer, tams: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "dumb")
    server.then(body=body([{**FLOW, "label": "long " * 40}]))

    lines = tams("flows").out.splitlines()

    assert len(lines) > 3
    assert max(map(len, lines[1:])) <= 80
    assert lines[1].startswith(f"{FLOW_ID}  video   video/h264  long")
