import pytest

from hubbub.client.errors import ClientError, closing_error
from hubbub.wire.close_codes import CloseCode, may_resume


@pytest.mark.parametrize("code", [code for code in CloseCode if not may_resume(code)])
def test_every_final_close_code_has_an_error_that_says_why(code: CloseCode) -> None:
    assert str(closing_error(code, "because")) == "because"
    assert str(int(code)) in str(closing_error(code, ""))


def test_a_code_that_nobody_knows_closes_the_connection() -> None:
    assert isinstance(closing_error(4499, "new"), ClientError)
