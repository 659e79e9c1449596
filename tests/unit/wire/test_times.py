import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.domain.errors import Invalid
from hubbub.domain.ids import Millis
from hubbub.wire.times import format_time, parse_time

YEAR_1 = -62_135_596_800_000
YEAR_10000 = 253_402_300_800_000

moments = st.integers(YEAR_1, YEAR_10000 - 1).map(Millis)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_795_338_000_123, "2026-11-22T09:00:00.123Z"),
        (YEAR_1, "0001-01-01T00:00:00.000Z"),
        (YEAR_10000 - 1, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_utc_with_milliseconds_and_z(at: int, text: str) -> None:
    assert format_time(Millis(at)) == text
    assert parse_time(text) == at


@given(moments)
def test_what_is_formatted_parses_to_the_same_time(at: Millis) -> None:
    assert parse_time(format_time(at)) == at


@given(moments, moments)
def test_formatted_times_sort_as_the_times_do(one: Millis, other: Millis) -> None:
    assert (format_time(one) < format_time(other)) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1795338000",
        "2026-11-22",
        "2026-11-22T09:00:00Z",
        "2026-11-22T09:00:00.1Z",
        "2026-11-22T09:00:00.1234Z",
        "2026-11-22T09:00:00.123",
        "2026-11-22T09:00:00.123+00:00",
        "2026-11-22 09:00:00.123Z",
        "2026-11-22t09:00:00.123z",
        "2026-11-22T09:00:00,123Z",
        "2026-02-29T09:00:00.000Z",
        "2026-13-01T09:00:00.000Z",
        "2026-11-22T24:00:00.000Z",
        "2026-11-22T09:60:00.000Z",
        "2026-12-31T23:59:60.000Z",
        "0000-01-01T00:00:00.000Z",
        " 2026-11-22T09:00:00.123Z",
        "2026-11-22T09:00:00.123Z\n",
        "٢٠٢٦-11-22T09:00:00.123Z",
    ],
)
def test_any_other_form_is_invalid_and_the_field_is_named(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_time(text, field="edited_at")
    assert caught.value.field == "edited_at"
