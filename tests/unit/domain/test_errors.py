import pytest

from hubbub.domain import errors
from hubbub.domain.errors import ChatError, Internal, RateLimited, Unavailable, error_classes

CODES = (
    "bad_frame unknown_type invalid unauthenticated token_expired forbidden not_found conflict too_large rate_limited "
    "client_id_reused unavailable internal"
)


def subclasses() -> list[type[ChatError]]:
    return [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, ChatError)][1:]


def test_the_codes_are_those_of_the_protocol() -> None:
    assert set(error_classes()) == set(CODES.split())


def test_every_error_has_a_code_of_its_own() -> None:
    assert {cls.code: cls for cls in subclasses()} == error_classes()
    assert len(subclasses()) == len(error_classes())


def test_only_what_may_succeed_unchanged_is_retryable() -> None:
    assert {cls for cls in subclasses() if cls.retryable} == {RateLimited, Unavailable}


@pytest.mark.parametrize("cls", subclasses())
def test_an_error_carries_its_message_its_field_and_when_to_retry(cls: type[ChatError]) -> None:
    error = cls("no", field="text", retry_after=1.5)
    assert (str(error), error.field, error.retry_after) == ("no", "text", 1.5)


def test_field_and_advice_are_absent_by_default() -> None:
    assert (Internal("oops").field, Internal("oops").retry_after) == (None, None)
