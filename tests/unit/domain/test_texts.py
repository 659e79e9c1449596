import sys
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.domain import texts
from hubbub.domain.errors import Invalid, TooLarge
from hubbub.domain.texts import (
    MAX_CLIENT_ID,
    MAX_EMAIL,
    MAX_NAME,
    MAX_PASSWORD,
    MAX_QUERY,
    MAX_TEXT,
    MAX_TOPIC,
    MAX_USERNAME,
    MIN_PASSWORD,
    MIN_USERNAME,
    check_client_id,
    check_email,
    check_name,
    check_password,
    check_query,
    check_text,
    check_topic,
    check_username,
)

Check = Callable[[str], str]

CONTROLS = [chr(code) for code in range(0x20)] + [chr(code) for code in range(0x7F, 0xA0)]
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff"]
LINE_SEPARATORS = ["\u2028", "\u2029"]
# Unicode's bidirectional controls (property Bidi_Control), zero-width space, word joiner and its kin, byte order mark.
INVISIBLE = [
    "\u061c",
    "\u200b",
    "\u200e",
    "\u200f",
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2060, 0x206A)),
    "\ufeff",
]
# Soft hyphen, grapheme joiner, Hangul and Khmer fillers, Braille blank, selectors of variants, tags.
HIDDEN = "\u00ad\u034f\u115f\u1160\u17b4\u180e\u206a\u2800\u3164\ufe00\uffa0\ufff9\U000e0001\U000e007f\U000e0100"
LETTERS = ["x", "é", "€", "😀"]  # of 1, 2, 3 and 4 bytes of UTF-8

ONE_LINE: list[Check] = [check_name, check_topic, check_client_id, check_query]
ALL: list[Check] = [check_text, *ONE_LINE, check_email, check_username, check_password]


def code_point(char: str) -> str:
    return f"U+{ord(char):04X}"


# Bounds


@pytest.mark.parametrize("letter", LETTERS)
def test_a_text_is_bounded_in_bytes_of_utf_8_and_the_bound_is_inclusive(letter: str) -> None:
    longest = letter * (MAX_TEXT // len(letter.encode()))
    longest += "x" * (MAX_TEXT - len(longest.encode()))
    assert check_text(longest) == longest
    with pytest.raises(TooLarge, match="at most 16384 bytes"):
        check_text(longest + "x")


@given(st.sampled_from(LETTERS), st.integers(-5, 5))
def test_the_size_of_a_text_is_judged_as_its_bytes_are(letter: str, more: int) -> None:
    text = letter * (MAX_TEXT // len(letter.encode()) + more)
    if len(text.encode()) > MAX_TEXT:
        with pytest.raises(TooLarge):
            check_text(text)
    else:
        assert check_text(text) is text


def test_a_text_too_long_and_with_half_a_character_is_refused_as_too_large() -> None:
    with pytest.raises(TooLarge):
        check_text("\ud800" * MAX_TEXT)


@pytest.mark.parametrize(
    ("check", "least", "most"),
    [
        (check_name, 1, MAX_NAME),
        (check_topic, 0, MAX_TOPIC),
        (check_client_id, 1, MAX_CLIENT_ID),
        (check_query, 0, MAX_QUERY),
        (check_username, MIN_USERNAME, MAX_USERNAME),
        (check_password, MIN_PASSWORD, MAX_PASSWORD),
    ],
)
def test_everything_else_is_bounded_in_characters_and_both_bounds_are_inclusive(
    check: Check, least: int, most: int
) -> None:
    for letter in ["x"] if check is check_username else LETTERS:
        for size in (least, most):
            assert check(letter * size) == letter * size
        for size in {least - 1, most + 1} - {-1}:
            with pytest.raises(Invalid):
                check(letter * size)


def test_an_email_address_is_bounded_in_characters() -> None:
    longest = "x" * (MAX_EMAIL - 4) + "@b.c"
    assert check_email(longest) == longest
    with pytest.raises(Invalid):
        check_email("x" + longest)


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "\t \n", "\u3000", "\u00a0", "\u2028", "\u3164", "\u200d \ufe0f", "\u2800\n"]
)
def test_a_blank_text_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="must not be empty"):
        check_text(text)


# Characters


@pytest.mark.parametrize("char", CONTROLS + SURROGATES, ids=code_point)
def test_a_text_holds_no_controls_but_tab_and_line_feed_and_no_half_characters(char: str) -> None:
    text = f"one{char}two"
    if char in "\t\n":
        assert check_text(text) == text
    else:
        with pytest.raises(Invalid) as caught:
            check_text(text)
        assert str(caught.value) == f"text holds the forbidden character {code_point(char)}"


@pytest.mark.parametrize("check", ONE_LINE)
@pytest.mark.parametrize("char", CONTROLS + SURROGATES + LINE_SEPARATORS + INVISIBLE, ids=code_point)
def test_a_line_holds_no_controls_no_line_ends_and_nothing_that_reorders_or_hides(check: Check, char: str) -> None:
    with pytest.raises(Invalid, match=code_point(char).replace("+", r"\+")):
        check(f"one{char}two")


def test_a_line_holds_none_of_the_characters_that_unicode_names_as_reordering() -> None:
    words = ("LEFT-TO-RIGHT", "RIGHT-TO-LEFT", "POP DIRECTIONAL", "FIRST STRONG", "ARABIC LETTER MARK")
    formats = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
    reordering = [char for char in formats if unicodedata.name(char, "").startswith(words)]
    assert len(reordering) == 12  # all that have the property Bidi_Control
    for char in reordering:
        with pytest.raises(Invalid):
            check_name(f"one{char}two")


@pytest.mark.parametrize("char", [*HIDDEN], ids=code_point)
def test_a_name_holds_nothing_that_is_shown_as_nothing(char: str) -> None:
    with pytest.raises(Invalid, match=code_point(char).replace("+", r"\+")):
        check_name(f"one{char}two")
    assert check_text(f"one{char}two") == f"one{char}two"


@pytest.mark.parametrize("name", ["\u200d", "\ufe0f", "\u0301", "\u200d\u0301\ufe0f", "\u0301 \u0301"])
def test_a_name_has_something_to_see(name: str) -> None:
    with pytest.raises(Invalid, match="visible"):
        check_name(name)


def test_a_name_has_at_most_eight_combining_marks_in_a_row() -> None:
    assert check_name("a" + "\u0301" * 8 + "b" + "\u0301" * 8)
    for marks in ("\u0301" * 9, "\u0301" * 8 + "\u200d\u0301"):
        with pytest.raises(Invalid, match="at most 8 combining marks"):
            check_name(f"a{marks}")


def test_a_name_may_be_of_characters_that_this_python_does_not_know() -> None:
    assert unicodedata.category("\U0001fbff") == "Cn"
    assert check_name("\U0001fbff") == "\U0001fbff"


@pytest.mark.parametrize("check", [check_text, *ONE_LINE])
@pytest.mark.parametrize(
    "text", ["née", "日本語", "שלום", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "नमस्\u200dते", "a\u0300\u0301\u0302"]
)
def test_all_scripts_and_emoji_are_welcome(check: Check, text: str) -> None:
    assert check(text) == text


@pytest.mark.parametrize("check", [check_text, *ONE_LINE, check_password])
def test_text_is_never_normalised(check: Check) -> None:
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"
    assert (check(composed), check(decomposed)) == (composed, decomposed)


@pytest.mark.parametrize("check", [check_name, check_topic])
@pytest.mark.parametrize("value", [" tea", "tea ", "\u3000tea", "tea\u00a0", " "])
def test_a_line_has_no_white_space_at_its_ends(check: Check, value: str) -> None:
    with pytest.raises(Invalid, match="begin or end with white space"):
        check(value)


@given(st.sampled_from(ALL), st.text(st.characters(), max_size=40))
def test_what_passes_comes_back_unchanged_and_can_be_encoded(check: Check, value: str) -> None:
    try:
        passed = check(value)
    except Invalid:
        pass
    else:
        assert passed is value
        value.encode()


@pytest.mark.parametrize("check", ALL)
@pytest.mark.parametrize("value", ["hunter2\ud800", "hunter2 " * 3_000])
def test_a_refusal_names_the_field_and_does_not_repeat_the_value(check: Check, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        check(value)
    assert str(caught.value).startswith(f"{caught.value.field} ")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("check", [check for name, check in vars(texts).items() if name.startswith("check_")])
def test_the_field_in_a_refusal_is_the_callers(check: Callable[..., str]) -> None:
    with pytest.raises(Invalid, match=r"^subject ") as caught:
        check("\ud800" * 20_000, field="subject")
    assert caught.value.field == "subject"


# Names to sign in with


@pytest.mark.parametrize("username", ["ann", "Ann", "a1", "1a", "a.b_c-d", "00", "a-", "a" * 32])
def test_usernames_are_ascii_letters_digits_dots_dashes_and_underscores(username: str) -> None:
    assert check_username(username) == username


@pytest.mark.parametrize(
    "username", [".ann", "_ann", "-ann", "an n", "ann\n", "ann@", "ännchen", "\u0430nn", "a\u200bnn", "ann²"]
)
def test_other_usernames_are_refused(username: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_username(username)
    assert caught.value.field == "username"


@pytest.mark.parametrize("email", ["a@b", "ann@example.org", "Ann.Lee+tea@mail.example.org", "用户@例子.广告"])
def test_email_addresses_have_one_at_sign_and_a_domain(email: str) -> None:
    assert check_email(email) == email


@pytest.mark.parametrize(
    "email", ["", "ann", "@b.c", "ann@", "a@b@c.d", "a b@c.d", "ann@b..c", "ann@.b", "ann@b.", "ann@b c", "ann@b.c\n"]
)
def test_other_email_addresses_are_refused(email: str) -> None:
    with pytest.raises(Invalid):
        check_email(email)


def test_passwords_are_of_any_kind_of_character_but_half_ones() -> None:
    assert check_password("\x00\n\t\u202e pass") == "\x00\n\t\u202e pass"
    with pytest.raises(Invalid, match="lone surrogate"):
        check_password("correct horse\ud800")
