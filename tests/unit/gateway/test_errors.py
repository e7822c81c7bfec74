from datetime import UTC, datetime

import msgspec
import pytest

from gateway import errors
from services.shared.errors import Internal, InvalidArgument, NotFound, TamsError


def kinds(kind):
    return {kind}.union(*map(kinds, kind.__subclasses__()))


def test_every_kind_of_error_has_a_status():
    ours = {
        kind for kind in kinds(TamsError) if kind.__module__ in ("services.shared.errors", errors.__name__)
    }
    assert set(errors.STATUS) == ours - {TamsError}


@pytest.mark.parametrize(("kind", "status"), list(errors.STATUS.items()))
def test_statuses_are_errors(kind, status):
    assert status >= (500 if issubclass(kind, Internal) else 400)


def test_the_body_is_that_of_tams():
    body = msgspec.json.decode(msgspec.json.encode(errors.error_body(NotFound("no such flow", reason="X"))))
    assert body.keys() == {"type", "summary", "time"}
    assert (body["type"], body["summary"]) == ("X", "no such flow")
    assert datetime.fromisoformat(body["time"]).tzinfo == UTC


def test_the_place_of_a_fault_is_told():
    assert errors.error_body(InvalidArgument("bad", path="$.a[1]")).path == "$.a[1]"


def test_an_internal_error_keeps_its_details():
    assert errors.error_body(Internal("password 123")).summary == "internal error"
