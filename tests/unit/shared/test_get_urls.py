import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.get_urls import Backend, SegmentDocuments, UrlFilter, UrlWriter, rows
from services.shared.signed_urls import SignedUrls, url_lines
from tests.support import official

LOCAL = Backend(
    id="5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10",
    label="local",
    store_type="http_object_store",
    provider="here",
    store_product="SeaweedFS",
    region="shelf",
)
CLOUD = Backend(
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


def first(items):
    return msgspec.json.decode(items[0])


@given(labels, backends, st.booleans())
def test_without_filters_everything_passes(label, storage_id, presigned):
    assert UrlFilter().keeps(label=label, storage_id=storage_id, presigned=presigned)


@given(filters, labels, backends, st.booleans())
def test_all_filters_that_are_set_must_pass(wanted, label, storage_id, presigned):
    kept = wanted.keeps(label=label, storage_id=storage_id, presigned=presigned)
    by_label = wanted.labels is None or (label is not None and label in wanted.labels)
    by_storage = not wanted.storage_ids or (storage_id is not None and storage_id in wanted.storage_ids)
    by_kind = wanted.presigned is None or wanted.presigned == presigned
    assert kept == (by_label and by_storage and by_kind)
    assert not (kept and wanted.nothing)


def test_empty_labels_pass_nothing_and_empty_storage_ids_everything():
    assert UrlFilter(labels=frozenset()).nothing
    assert not UrlFilter(labels=frozenset()).keeps(label=None, storage_id=None, presigned=False)
    assert UrlFilter(storage_ids=frozenset()).keeps(label=None, storage_id=None, presigned=False)


@given(filters)
def test_only_wanted_backends_are_signed(wanted):
    signs = UrlWriter(wanted, [LOCAL, CLOUD]).signs
    for backend in (LOCAL, CLOUD):
        kept = wanted.keeps(label=backend.label, storage_id=backend.id, presigned=True)
        assert (backend.id in signs) == kept


def signed(*paths):
    return SignedUrls("", "", url_lines(paths), b"\n" * len(paths))


def items_of(writer, storage_id, urls):
    return rows(writer.controlled(storage_id, urls), urls.paths.count(b"\n"))


@given(st.text(), st.text(), st.lists(st.text()))
def test_signed_urls_are_json_whatever_they_hold(before, after, paths):
    signatures = b"".join(b"%064x\n" % number for number in range(len(paths)))
    urls = SignedUrls(before, after, url_lines(paths), signatures)
    items = items_of(UrlWriter(UrlFilter(), [LOCAL]), LOCAL.id, urls)
    assert [msgspec.json.decode(item)["url"] for item in items] == urls.whole()


@given(st.text(), labels)
def test_external_urls_are_json_whatever_they_hold(url, label):
    external = msgspec.json.decode(UrlWriter(UrlFilter(), []).external(url, label))
    assert external == ({"url": url} if label is None else {"url": url, "label": label})


def test_little_is_told_of_a_url_unless_asked():
    writer = UrlWriter(UrlFilter(), [CLOUD])
    told = first(items_of(writer, CLOUD.id, signed("u")))
    assert told == {"url": "u", "presigned": True, "label": 'far "away"'}


def test_all_that_is_known_is_told_when_asked():
    writer = UrlWriter(UrlFilter(verbose=True), [LOCAL, CLOUD])
    assert first(items_of(writer, LOCAL.id, signed("u"))) == {
        "url": "u",
        "presigned": True,
        "label": "local",
        "storage_id": LOCAL.id,
        "controlled": True,
        "store_type": "http_object_store",
        "provider": "here",
        "store_product": "SeaweedFS",
        "region": "shelf",
    }
    assert "availability_zone" in first(items_of(writer, CLOUD.id, signed("u")))
    assert msgspec.json.decode(writer.external("u", None)) == {"url": "u", "controlled": False}


@given(filters, labels)
def test_unwanted_external_urls_are_left_out(wanted, label):
    item = UrlWriter(wanted, []).external("u", label)
    assert (item is not None) == wanted.keeps(label=label, storage_id=None, presigned=False)


@given(
    st.lists(st.tuples(st.dictionaries(st.text(), st.text(), min_size=1), st.lists(st.text(), max_size=3)))
)
def test_urls_are_spliced_into_any_document(segments):
    lines = b"".join(msgspec.json.encode(document) + b"\n" for document, _ in segments)
    items = [b",".join(msgspec.json.encode({"url": url}) for url in urls) for _, urls in segments]
    expected = [document | {"get_urls": [{"url": url} for url in urls]} for document, urls in segments]
    documents = SegmentDocuments(lines, (items,))
    assert len(documents) == len(segments)
    assert [msgspec.json.decode(one) for one in documents.each()] == expected
    assert msgspec.json.decode(documents.json_list()) == expected


@given(st.lists(st.tuples(st.binary(), st.binary())), st.binary())
def test_a_column_holds_a_text_for_each_row_or_one_for_all(pairs, between):
    left, right = [one for one, _ in pairs], [one for _, one in pairs]
    assert rows([left, between, right], len(pairs)) == [one + between + other for one, other in pairs]


def test_columns_of_another_length_are_refused():
    with pytest.raises(ValueError, match="size"):
        rows([[b"a"], [b"b", b"c"]], 2)


@official.needed
@given(filters)
def test_segments_with_urls_fit_the_official_schema(wanted):
    writer = UrlWriter(wanted, [LOCAL, CLOUD])
    urls = SignedUrls("https://", "", b"a\n", b"\n")
    items = [item for one in writer.signs for item in items_of(writer, one, urls)]
    items += [item for item in (writer.external("https://b", "mine"),) if item]
    document = b'{"object_id":"x","timerange":"[0:0_1:0)"}\n'
    (segment,) = SegmentDocuments(document, ([b",".join(items)],)).each()
    official.validator("flow-segment.json").validate(msgspec.json.decode(segment))
