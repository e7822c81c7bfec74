import pytest
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio
from hypothesis import given
from hypothesis import strategies as st

from services.shared import errors
from services.shared.errors import TamsError
from services.shared.rpc import status

KINDS = sorted(TamsError.__subclasses__(), key=lambda kind: kind.__name__)
kinds = st.sampled_from(KINDS)
texts = st.text(st.characters(codec="utf-8"))


def wire(code: StatusCode, details: str, *trailers: tuple[str, bytes]) -> aio.AioRpcError:
    return aio.AioRpcError(code, aio.Metadata(), aio.Metadata(*trailers), details=details)


def sent(error: TamsError) -> aio.AioRpcError:
    trailer = (status.DETAILS_KEY, status.details_of(error))
    return wire(status.code_of(error), error.summary, trailer)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_code_of_its_own(kind):
    # A new kind of error needs a line in the table.
    codes = {other: status.code_of(other("summary")) for other in KINDS}
    assert list(codes.values()).count(codes[kind]) == 1
    # The gateway's own never travel by gRPC.
    children = [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]
    assert not children, "the table looks kinds up, not their children"


@given(kinds, texts, texts.filter(bool), st.dictionaries(st.from_regex(r"[a-z]{9,}", fullmatch=True), texts))
def test_errors_survive_the_wire(kind, summary, reason, metadata):
    for again in (
        status.from_rpc_error(sent(kind(summary, reason=reason, **metadata))),
        status.from_failure(status.to_failure(kind(summary, reason=reason, **metadata))),
    ):
        assert type(again) is kind
        assert (again.summary, again.reason, again.metadata) == (summary, reason, metadata)


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_reason_is_the_kind_s_own(kind):
    again = status.from_rpc_error(sent(kind("summary")))
    assert again.reason == kind.default_reason
    assert kind.default_reason.isupper()


def test_details_are_a_google_rpc_status():
    error = errors.NotFound("no such flow", reason="FLOW_NOT_FOUND", path="$.id")
    found = Status.FromString(status.details_of(error))
    assert (found.code, found.message) == (StatusCode.NOT_FOUND.value[0], "no such flow")
    assert found.details[0].type_url == "type.googleapis.com/google.rpc.ErrorInfo"


@pytest.mark.parametrize("code", [code for code in StatusCode if code is not StatusCode.OK])
def test_what_is_not_ours_says_nothing_of_the_inside(code):
    found = status.from_rpc_error(wire(code, "failed to connect to ipv4:10.0.0.7:8101"))
    assert "10.0.0.7" not in found.summary
    assert found.summary
    assert found.reason == type(found).default_reason


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (StatusCode.UNAVAILABLE, errors.Unavailable),
        (StatusCode.CANCELLED, errors.Unavailable),
        (StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
        (StatusCode.RESOURCE_EXHAUSTED, errors.Exhausted),
        (StatusCode.OUT_OF_RANGE, errors.InvalidArgument),
        (StatusCode.UNIMPLEMENTED, errors.Internal),
        (StatusCode.UNKNOWN, errors.Internal),
        (StatusCode.DATA_LOSS, errors.Internal),
    ],
)
def test_codes_of_others_fall_into_the_tree(code, kind):
    assert type(status.from_rpc_error(wire(code, "words"))) is kind


def test_an_unknown_failure_code_is_a_fault_of_ours():
    failure = status.to_failure(errors.NotFound("gone"))
    failure.code = 99
    assert type(status.from_failure(failure)) is errors.Internal
