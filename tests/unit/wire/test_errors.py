import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.domain.errors import ChatError, Forbidden, Internal, Invalid, RateLimited, error_classes
from hubbub.domain.ids import RoomId
from hubbub.wire.codec import decode_server, encode
from hubbub.wire.errors import chat_error, error_frame
from hubbub.wire.frames import Error, ErrorDetails

public = sorted(set(error_classes()) - {"internal"})


def test_an_error_frame_says_what_which_field_and_when_to_come_back() -> None:
    assert error_frame(Invalid("text must not be empty", field="text"), ref=3) == Error(
        ref=3,
        code="invalid",
        message="text must not be empty",
        retryable=False,
        details=ErrorDetails(field="text"),
    )
    assert error_frame(RateLimited("slower", retry_after=0.0201), room_id=RoomId(9)) == Error(
        room_id=RoomId(9), code="rate_limited", message="slower", retryable=True, retry_after_ms=21
    )


def test_what_does_not_apply_is_left_out_of_the_json() -> None:
    assert encode(error_frame(Forbidden("no"))) == (
        b'{"type":"error","code":"forbidden","message":"no","retryable":false}'
    )


@pytest.mark.parametrize(
    "error",
    [
        ValueError("password=hunter2"),
        KeyboardInterrupt("hunter2"),
        Internal("hunter2", field="hunter2", retry_after=1.0),
        ChatError("hunter2"),
    ],
)
def test_nothing_of_an_internal_error_leaks(error: BaseException) -> None:
    frame = error_frame(error, ref=1)
    assert frame.code == "internal"
    assert b"hunter2" not in encode(frame)
    assert frame == error_frame(RuntimeError(), ref=1)


@given(
    st.sampled_from(public),
    st.text(),
    st.none() | st.text(),
    st.none() | st.integers(0, 10**7).map(lambda millis: millis / 1000),
)
def test_an_error_comes_out_of_its_frame_as_it_went_in(
    code: str, message: str, field: str | None, retry_after: float | None
) -> None:
    error = error_classes()[code](message.encode(errors="replace").decode(), field=field, retry_after=retry_after)
    frame = error_frame(error, ref=1)
    assert decode_server(encode(frame)) == frame
    again = chat_error(frame)
    assert type(again) is type(error)
    assert (str(again), again.field) == (str(error), error.field)
    assert again.retry_after == pytest.approx(retry_after, abs=0.001)


def test_a_code_of_a_newer_server_is_a_plain_chat_error() -> None:
    assert type(chat_error(Error(code="teapot", message="no coffee", retryable=False))) is ChatError
