import json

import pytest

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


def body(value):
    return json.dumps(value).encode()


def test_flows_are_a_table_with_whole_ids_that_fits_the_terminal(server, tams):
    server.then(body=body([FLOW, {**FLOW, "label": "long " * 40}]))

    ran = tams("flows")

    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["id", "format", "codec", "label"]
    assert ran.out.splitlines()[1] == f"{FLOW_ID}  video   video/h264  a [bold]label[/bold]"
    assert not any(line != line.rstrip() for line in ran.out.splitlines())


def test_flows_as_json_are_the_documents_of_the_store(server, tams):
    server.then(body=body([FLOW]), Link='</flows?page=2>; rel="next"')
    server.then(body=body([FLOW]))

    ran = tams("flows", "--json", "--codec", "video/h264")

    assert ran.json == [FLOW, FLOW]
    assert ran.err == ""
    assert server.requests[0].target == "/flows?limit=300&codec=video%2Fh264"


def test_an_empty_list_is_valid_json_and_no_table(server, tams):
    server.then(body=b"[]")
    server.then(body=b"[]")

    assert tams("sources", "--json").json == []
    ran = tams("sources")
    assert (ran.code, ran.out, ran.err) == (0, "", "no sources\n")


def test_a_table_that_was_cut_says_so(server, tams):
    server.then(body=body([SOURCE, SOURCE, SOURCE]))

    ran = tams("sources", "--limit", "2")

    assert len(ran.out.splitlines()) == 3
    assert "the first 2; there are more" in ran.err


def test_a_flow_is_shown_with_its_extent(server, tams):
    server.then(body=body({**FLOW, "timerange": "[0:0_10:0)"}))

    ran = tams("flow", FLOW_ID)

    assert server.requests[0].target == f"/flows/{FLOW_ID}?include_timerange=true"
    assert "timerange    [0:0_10:0)" in ran.out or "timerange  [0:0_10:0)" in ran.out
    assert "frame_rate: 30000/1001" in ran.out
    assert "a [bold]label[/bold]" in ran.out


def test_a_flow_as_json_is_the_document_of_the_store(server, tams):
    server.then(body=body(FLOW))

    assert tams("flow", FLOW_ID, "--json").json == FLOW


def test_texts_of_the_store_cannot_steer_the_terminal(server, tams):
    server.then(body=body({**FLOW, "label": "\x1b[2Jgone\r\n"}))

    assert "\x1b" not in tams("flow", FLOW_ID).out


def test_segments_are_asked_for_by_time_and_without_urls(server, tams):
    server.then(body=body([SEGMENT]))
    server.then(body=body([SEGMENT]))

    table = tams("segments", FLOW_ID, "--timerange", "[0:0_10:0)")
    documents = tams("segments", FLOW_ID, "--json").json

    assert table.out.splitlines()[1] == "[0:0_2:0)  an/object"
    assert documents == [{"object_id": "an/object", "timerange": "[0:0_2:0)", "sample_count": 50}]
    assert "timerange=%5B0%3A0_10%3A0%29" in server.requests[0].target
    assert "accept_get_urls=" in server.requests[0].target


def test_segments_of_no_flow_are_told_from_a_flow_without_segments(server, tams):
    server.then(body=b"[]")
    server.then(body=body(FLOW))
    server.then(body=b"[]")
    server.then(404, body(NOT_FOUND))

    empty, missing = tams("segments", FLOW_ID), tams("segments", FLOW_ID)

    assert (empty.code, empty.err) == (0, "no segments\n")
    assert (missing.code, missing.err) == (3, "tams: no such flow\n")


def test_an_object_is_shown_with_the_flows_that_use_it(server, tams):
    server.then(body=body({"id": "an/object", "referenced_by_flows": [FLOW_ID]}))

    ran = tams("object", "an/object", "--json")

    assert ran.json["referenced_by_flows"] == [FLOW_ID]
    assert server.requests[0].target == "/objects/an%2Fobject"


def test_the_service_and_its_backends_are_shown(server, tams):
    server.then(body=body({"type": "urn:x-tams:service:x", "api_version": "7.0", "name": "A store"}))
    backend = {"id": SOURCE_ID, "store_type": "http_object_store", "provider": "p", "store_product": "S"}
    server.then(body=body([{**backend, "default_storage": True}]))

    ran = tams("service")

    assert "A store" in ran.out
    assert any(line.split() == [SOURCE_ID, "S", "yes"] for line in ran.out.splitlines())


def test_storage_usage_is_shown_in_units_people_read(server, tams):
    server.then(body=body({"backends": [USAGE]}))

    ran = tams("stats")

    assert server.requests[0].target == "/x/analytics/storage-usage"
    assert f"{USAGE['storage_id']}  3        1.2 MB + 1 not measured  1          0" in ran.out


def test_coverage_of_a_flow_lists_its_gaps(server, tams):
    server.then(body=body(COVERAGE))
    server.then(body=body(COVERAGE))

    ran = tams("stats", FLOW_ID, "--timerange", "[0:0_10:0)")

    assert "[4:0_6:500000000)  2.500 s" in ran.out
    assert "7.500 s" in ran.out
    assert tams("stats", FLOW_ID, "--json").json == COVERAGE


def test_deleting_asks_unless_told_not_to(server, tams):
    server.then(204)

    unasked = tams("delete", FLOW_ID)
    told = tams("delete", FLOW_ID, "--yes")

    assert unasked.code == 2
    assert (told.code, told.err) == (0, f"deleted {FLOW_ID}\n")
    assert [request.method for request in server.requests] == ["DELETE"]


@pytest.mark.parametrize(("status", "code"), [(400, 1), (403, 1), (404, 3), (500, 1)])
def test_errors_are_one_line_and_an_exit_code(server, tams, status, code):
    server.then(status, body({"type": "X", "summary": "because", "time": "t"}))

    ran = tams("flow", FLOW_ID)

    assert (ran.code, ran.out, ran.err) == (code, "", "tams: because\n")


def test_nothing_there_is_one_line(tams):
    # The discard port: nothing listens there.
    ran = tams("--url", "http://127.0.0.1:9", "flows")

    assert ran.code == 4
    assert ran.err.startswith("tams: cannot reach http://127.0.0.1:9: ")
    assert ran.err.count("\n") == 1


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
    ],
)
def test_wrong_usage_is_one_line(server, tams, arguments):
    ran = tams(*arguments)

    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("tams: ")
    assert ran.err.count("\n") == 1
    assert server.requests == []


def test_on_a_terminal_long_texts_wrap_and_ids_stay_whole(server, tams, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "dumb")
    server.then(body=body([{**FLOW, "label": "long " * 40}]))

    lines = tams("flows").out.splitlines()

    assert len(lines) > 3
    assert max(map(len, lines[1:])) <= 80
    assert lines[1].startswith(f"{FLOW_ID}  video   video/h264  long")
