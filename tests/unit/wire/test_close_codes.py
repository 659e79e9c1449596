import pytest

from hubbub.domain.errors import Conflict, Forbidden, TokenExpired, error_classes
from hubbub.wire.close_codes import CLOSE_CODES, CloseCode, close_code, may_resume


def test_every_error_code_has_an_entry_and_no_entry_is_left_over() -> None:
    assert set(CLOSE_CODES) == set(error_classes())


@pytest.mark.parametrize("code", list(CloseCode))
def test_44xx_is_not_retried_unchanged_and_45xx_is_resumed(code: CloseCode) -> None:
    resumes = {CloseCode.GOING_AWAY, CloseCode.ABNORMAL, CloseCode.RESTART}
    assert may_resume(code) is (code in resumes or code // 100 == 45)


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008, 1009, 1010, 4499])
def test_codes_that_blame_the_client_are_not_retried(code: int) -> None:
    assert not may_resume(code)


@pytest.mark.parametrize("code", [1005, 1011, 1013, 1014, 1015, 3000, 4599])
def test_codes_of_others_on_the_way_are_retried(code: int) -> None:
    assert may_resume(code)


def test_errors_that_end_a_connection_have_a_close_code() -> None:
    assert close_code(Forbidden("no")) is CloseCode.FORBIDDEN
    assert close_code(TokenExpired("no")) is CloseCode.UNAUTHENTICATED


def test_errors_that_only_answer_a_frame_have_none() -> None:
    assert close_code(Conflict("no")) is None


def test_an_unexpected_exception_closes_as_internal() -> None:
    assert close_code(KeyError("x")) is CloseCode.INTERNAL


def test_close_codes_of_our_own_are_in_the_range_for_private_use() -> None:
    assert all(code < 2000 or 4400 <= code <= 4599 for code in CloseCode)
