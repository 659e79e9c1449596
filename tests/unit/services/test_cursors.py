"""Cursors: everything goes round, and nothing else comes in."""

from base64 import urlsafe_b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.domain.errors import Invalid
from hubbub.domain.ids import MAX_ID
from hubbub.services.cursors import MAX_CURSOR, decode_cursor, encode_cursor

integers = st.integers(min_value=0, max_value=MAX_ID)
texts = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=60)


def raw(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


@given(integers, integers)
def test_integers_go_round(first: int, second: int) -> None:
    assert decode_cursor(encode_cursor(first), int) == (first,)
    assert decode_cursor(encode_cursor(first, second), int, int) == (first, second)


@given(integers, texts.filter(bool))
def test_texts_go_round_also_with_commas(first: int, text: str) -> None:
    assert decode_cursor(encode_cursor(text), str) == (text,)
    assert decode_cursor(encode_cursor(first, f"{text},{text}"), int, str) == (first, f"{text},{text}")


@given(texts.filter(bool))
def test_a_cursor_needs_no_escapes_in_a_url(text: str) -> None:
    assert set(encode_cursor(text)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "=",
        "A",
        "MSwy=",
        "M Sw",
        "ä",
        "\x00",
        "\ud800",
        raw(b"1"),
        raw(b"1,"),
        raw(b",1"),
        raw(b"1,2,3"),
        raw(b"1,-2"),
        raw(b"1,+2"),
        raw(b"1,2.0"),
        raw(b"1, 2"),
        raw(b"1,0x2"),
        raw("1,٢".encode()),
        raw(f"1,{MAX_ID + 1}".encode()),
        raw(b"1," + b"9" * 40),
        raw(b"1,\xff"),
    ],
)
def test_what_is_no_pair_of_integers_is_invalid(cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode_cursor(cursor, int, int)
    assert refused.value.field == "cursor"


@pytest.mark.parametrize("content", [b"\x00", b"a\nb", b"\xed\xa0\x80", b"a" * MAX_CURSOR])
def test_what_no_store_could_look_for_is_invalid(content: bytes) -> None:
    with pytest.raises(Invalid):
        decode_cursor(raw(content), str)


@given(st.text(max_size=40))
def test_any_text_is_decoded_or_invalid(cursor: str) -> None:
    with suppress(Invalid):
        decode_cursor(cursor, int, str)
