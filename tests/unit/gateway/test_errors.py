from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
import pytest

from gateway import errors
from services.shared.errors import Exhausted, Internal, InvalidArgument, NotFound, TamsError


def subclasses_of(kind: type[TamsError]) -> set[type[TamsError]]:
    return {kind}.union(*map(subclasses_of, kind.__subclasses__()))


def test_each_kind_of_error_has_a_status() -> None:
    expected = {
        kind
        for kind in subclasses_of(TamsError)
        if kind.__module__ in ("services.shared.errors", errors.__name__)
    }
    assert set(errors.STATUS) == expected - {TamsError}


@pytest.mark.parametrize(("kind", "status"), list(errors.STATUS.items()))
def test_the_statuses_of_errors_are_error_statuses(kind: type[TamsError], status: HTTPStatus) -> None:
    assert status >= (500 if issubclass(kind, Internal) else 400)


def test_the_body_of_an_error_has_the_form_of_tams() -> None:
    body = msgspec.json.decode(msgspec.json.encode(errors.error_body(NotFound("no such flow", reason="X"))))
    assert body.keys() == {"type", "summary", "time"}
    assert (body["type"], body["summary"]) == ("X", "no such flow")
    assert datetime.fromisoformat(body["time"]).tzinfo == UTC


def test_the_body_of_an_error_has_the_path_of_the_fault() -> None:
    assert errors.error_body(InvalidArgument("bad", path="$.a[1]")).path == "$.a[1]"


def test_the_body_of_an_internal_error_has_no_details() -> None:
    assert errors.error_body(Internal("password 123")).summary == "internal error"


def test_a_limit_that_knows_the_wait_says_it() -> None:
    def retry_after(error: TamsError) -> str:
        return dict(errors.error_headers(error, HTTPStatus.TOO_MANY_REQUESTS))["retry-after"]

    assert retry_after(Exhausted("too many", reason="RATE_LIMITED", retry_after="7")) == "7"
    assert retry_after(Exhausted("too many")) == "1"
