from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tams.media.v1.storage_backend_pb2 import StorageBackend
from tams.media.v1.storage_service_pb2 import SignedPaths

from services.segment_documents.documents import SegmentDocuments, rows
from services.segment_documents.url_filter import UrlFilter
from services.segment_documents.url_writer import UrlWriter
from services.shared.url_paths import url_lines
from tests.support.openapi import official

LOCAL = StorageBackend(
    id="5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10",
    label="local",
    store_type="http_object_store",
    provider="here",
    store_product="SeaweedFS",
    region="shelf",
)
CLOUD = StorageBackend(
    id="c4b2a1a4-2d6e-4c57-8a7c-2f2f8b8c6a11",
    label='far "away"',
    store_type="http_object_store",
    provider="them",
    store_product="S3",
    availability_zone="a",
)

labels = st.sampled_from([None, LOCAL.label, CLOUD.label, "mine"])
backends = st.sampled_from([None, LOCAL.id, CLOUD.id])
filters = st.builds(
    UrlFilter,
    labels=st.none() | st.frozensets(st.sampled_from([LOCAL.label, CLOUD.label, "mine", "none"])),
    storage_ids=st.none() | st.frozensets(st.sampled_from([LOCAL.id, CLOUD.id])),
    presigned=st.none() | st.booleans(),
    verbose=st.booleans(),
)


def decode_first(items: Sequence[bytes]) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(items[0])
    return decoded


@given(labels, backends, st.booleans())
def test_a_filter_without_conditions_passes_every_url(
    label: str | None, storage_id: str | None, presigned: bool
) -> None:
    assert UrlFilter().passes(label=label, storage_id=storage_id, presigned=presigned)


@given(filters, labels, backends, st.booleans())
def test_a_url_passes_if_it_passes_each_condition(
    url_filter: UrlFilter, label: str | None, storage_id: str | None, presigned: bool
) -> None:
    passes = url_filter.passes(label=label, storage_id=storage_id, presigned=presigned)
    label_passes = url_filter.labels is None or (label is not None and label in url_filter.labels)
    storage_passes = not url_filter.storage_ids or (
        storage_id is not None and storage_id in url_filter.storage_ids
    )
    kind_passes = url_filter.presigned is None or url_filter.presigned == presigned
    assert passes == (label_passes and storage_passes and kind_passes)
    assert not (passes and url_filter.passes_nothing)


def test_empty_labels_pass_no_url_and_empty_storage_ids_every_url() -> None:
    assert UrlFilter(labels=frozenset()).passes_nothing
    assert not UrlFilter(labels=frozenset()).passes(label=None, storage_id=None, presigned=False)
    assert UrlFilter(storage_ids=frozenset()).passes(label=None, storage_id=None, presigned=False)


@given(filters)
def test_only_backends_that_pass_the_filter_are_signed(url_filter: UrlFilter) -> None:
    signed_ids = UrlWriter(url_filter, [LOCAL, CLOUD]).signed_ids
    for backend in (LOCAL, CLOUD):
        passes = url_filter.passes(label=backend.label, storage_id=backend.id, presigned=True)
        assert (backend.id in signed_ids) == passes


def items_of(
    writer: UrlWriter, storage_id: str, paths: Sequence[str], before: str = "", after: str = ""
) -> list[bytes]:
    """The JSON of controlled URLs, whose signatures are numbers."""
    signatures = b"".join(b"%d\n" % number for number in range(len(paths)))
    signed = SignedPaths(before=before, after=after, signatures=signatures)
    return rows(writer.stored(storage_id, url_lines(paths), signed), len(paths))


@given(st.text(), st.text(), st.lists(st.text()))
def test_signed_urls_of_any_text_are_valid_json(before: str, after: str, paths: list[str]) -> None:
    items = items_of(UrlWriter(UrlFilter(), [LOCAL]), LOCAL.id, paths, before, after)
    encoded = url_lines(paths).decode().split("\n")[:-1]
    expected = [f"{before}{path}{after}{number}" for number, path in enumerate(encoded)]
    assert [msgspec.json.decode(item)["url"] for item in items] == expected


@given(st.text(), labels)
def test_external_urls_of_any_text_are_valid_json(url: str, label: str | None) -> None:
    external = msgspec.json.decode(UrlWriter(UrlFilter(), []).external(url, label) or b"")
    assert external == ({"url": url} if label is None else {"url": url, "label": label})


def test_a_url_has_few_members_by_default() -> None:
    writer = UrlWriter(UrlFilter(), [CLOUD])
    url = decode_first(items_of(writer, CLOUD.id, ["u"]))
    assert url == {"url": "u0", "presigned": True, "label": 'far "away"'}


def test_a_url_has_all_members_if_verbose() -> None:
    writer = UrlWriter(UrlFilter(verbose=True), [LOCAL, CLOUD])
    assert decode_first(items_of(writer, LOCAL.id, ["u"])) == {
        "url": "u0",
        "presigned": True,
        "label": "local",
        "storage_id": LOCAL.id,
        "controlled": True,
        "store_type": "http_object_store",
        "provider": "here",
        "store_product": "SeaweedFS",
        "region": "shelf",
    }
    assert "availability_zone" in decode_first(items_of(writer, CLOUD.id, ["u"]))
    assert msgspec.json.decode(writer.external("u", None) or b"") == {"url": "u", "controlled": False}


@given(filters, st.booleans())
def test_a_backend_with_a_cdn_has_a_second_url_that_passes_the_filter(
    url_filter: UrlFilter, verbose: bool
) -> None:
    backend = StorageBackend(id=LOCAL.id, label="local", cdn_url="https://cdn.example/a")
    url_filter = replace(url_filter, verbose=verbose)
    writer = UrlWriter(url_filter, [backend])
    passes = url_filter.passes(label="cdn:local", storage_id=None, presigned=False)
    assert (LOCAL.id in writer.storage_ids) == (passes or LOCAL.id in writer.signed_ids)
    if not writer.storage_ids:
        return
    signed = SignedPaths(before="s/", after="?", signatures=b"1\n2\n")
    columns = writer.stored(LOCAL.id, b"a\nb\n", signed if writer.signed_ids else None)
    urls = [msgspec.json.decode(b"[" + row + b"]") for row in rows(columns, 2)]
    expected = ["s/a?1"] * bool(writer.signed_ids) + ["https://cdn.example/a/a"] * passes
    assert [item["url"] for item in urls[0]] == expected
    if passes:
        details = {"controlled": False} if verbose else {}
        cache = {"url": "https://cdn.example/a/b", "presigned": False, "label": "cdn:local"}
        assert urls[1][-1] == cache | details


@given(filters, labels)
def test_external_urls_that_do_not_pass_are_omitted(url_filter: UrlFilter, label: str | None) -> None:
    item = UrlWriter(url_filter, []).external("u", label)
    assert (item is not None) == url_filter.passes(label=label, storage_id=None, presigned=False)


@given(
    st.lists(st.tuples(st.dictionaries(st.text(), st.text(), min_size=1), st.lists(st.text(), max_size=3)))
)
def test_urls_are_inserted_into_any_document(segments: list[tuple[dict[str, str], list[str]]]) -> None:
    lines = b"".join(msgspec.json.encode(document) + b"\n" for document, _ in segments)
    items = [b",".join(msgspec.json.encode({"url": url}) for url in urls) for _, urls in segments]
    expected = [document | {"get_urls": [{"url": url} for url in urls]} for document, urls in segments]
    documents = SegmentDocuments(lines, (items,))
    assert len(documents) == len(segments)
    assert msgspec.json.decode(documents.json_list()) == expected


@given(st.lists(st.tuples(st.binary(), st.binary())), st.binary())
def test_a_column_has_a_text_for_each_row_or_for_all_rows(
    pairs: list[tuple[bytes, bytes]], between: bytes
) -> None:
    left, right = [text for text, _ in pairs], [text for _, text in pairs]
    assert rows([left, between, right], len(pairs)) == [
        text + between + right_text for text, right_text in pairs
    ]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        rows([[b"a"], [b"b", b"c"]], 2)


@official.needed
@given(filters)
def test_segments_with_urls_fit_the_official_schema(url_filter: UrlFilter) -> None:
    writer = UrlWriter(url_filter, [LOCAL, CLOUD])
    items = [
        item for storage_id in writer.storage_ids for item in items_of(writer, storage_id, ["a"], "https://")
    ]
    items += [item for item in (writer.external("https://b", "mine"),) if item]
    document = b'{"object_id":"x","timerange":"[0:0_1:0)"}\n'
    (segment,) = msgspec.json.decode(SegmentDocuments(document, ([b",".join(items)],)).json_list())
    official.validator("flow-segment.json").validate(segment)
