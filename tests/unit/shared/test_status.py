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


def rpc_error(code: StatusCode, details: str, *trailers: tuple[str, bytes]) -> aio.AioRpcError:
    return aio.AioRpcError(code, aio.Metadata(), aio.Metadata(*trailers), details=details)


def to_rpc_error(error: TamsError) -> aio.AioRpcError:
    trailer = (status.DETAILS_KEY, status.details_of(error))
    return rpc_error(status.code_of(error), error.summary, trailer)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_error_has_its_own_code(kind: type[TamsError]) -> None:
    codes = {other: status.code_of(other("summary")) for other in KINDS}
    assert list(codes.values()).count(codes[kind]) == 1
    # Errors of the gateway are never sent by gRPC, so they need no code.
    subclasses = [subclass for subclass in kind.__subclasses__() if subclass.__module__ == errors.__name__]
    assert not subclasses, "the table has kinds, not their subclasses"


@given(kinds, texts, texts.filter(bool), st.dictionaries(st.from_regex(r"[a-z]{9,}", fullmatch=True), texts))
def test_errors_survive_their_encoding(
    kind: type[TamsError], summary: str, reason: str, metadata: dict[str, str]
) -> None:
    for received in (
        status.from_rpc_error(to_rpc_error(kind(summary, reason=reason, **metadata))),
        status.from_failure(status.to_failure(kind(summary, reason=reason, **metadata))),
    ):
        assert type(received) is kind
        assert (received.summary, received.reason, received.metadata) == (summary, reason, metadata)


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_reason_is_that_of_the_kind(kind: type[TamsError]) -> None:
    received = status.from_rpc_error(to_rpc_error(kind("summary")))
    assert received.reason == kind.default_reason
    assert kind.default_reason.isupper()


def test_details_are_a_google_rpc_status() -> None:
    error = errors.NotFound("no such flow", reason="FLOW_NOT_FOUND", path="$.id")
    details = Status.FromString(status.details_of(error))
    assert (details.code, details.message) == (StatusCode.NOT_FOUND.value[0], "no such flow")
    assert details.details[0].type_url == "type.googleapis.com/google.rpc.ErrorInfo"


@pytest.mark.parametrize("code", [code for code in StatusCode if code is not StatusCode.OK])
def test_errors_of_the_channel_reveal_no_addresses(code: StatusCode) -> None:
    error = status.from_rpc_error(rpc_error(code, "failed to connect to ipv4:10.0.0.7:8101"))
    assert "10.0.0.7" not in error.summary
    assert error.summary
    assert error.reason == type(error).default_reason


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
        (StatusCode.DATA_LOSS, errors.DataDamaged),
    ],
)
def test_codes_of_the_channel_become_kinds_of_error(code: StatusCode, kind: type[TamsError]) -> None:
    assert type(status.from_rpc_error(rpc_error(code, "words"))) is kind


def test_an_unknown_failure_code_is_an_internal_error() -> None:
    failure = status.to_failure(errors.NotFound("gone"))
    failure.code = 99
    assert type(status.from_failure(failure)) is errors.Internal
