import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.domain.errors import Invalid
from hubbub.domain.ids import MAX_ID, Seq
from hubbub.wire.position import Position, Step, format_place, parse_place

seqs = st.integers(1, 12).map(Seq)


def test_the_next_seq_is_applied_and_moves_the_position() -> None:
    position = Position(Seq(4))
    assert position.take(Seq(5)) is Step.APPLY
    assert position.applied == 5


def test_a_seq_that_was_applied_is_known_and_moves_nothing() -> None:
    position = Position(Seq(4))
    assert [position.take(Seq(4)), position.take(Seq(1))] == [Step.KNOWN, Step.KNOWN]
    assert position.applied == 4


def test_a_seq_beyond_the_next_is_a_gap_and_moves_nothing() -> None:
    position = Position(Seq(4))
    assert position.take(Seq(6)) is Step.GAP
    assert position.applied == 4


def test_a_new_position_waits_for_the_first_event() -> None:
    assert Position().take(Seq(1)) is Step.APPLY


def test_a_position_shows_how_far_it_is() -> None:
    assert repr(Position(Seq(4))) == "Position(4)"


@given(st.lists(seqs, max_size=60))
def test_whatever_arrives_what_is_applied_is_gapless_and_each_once(arriving: list[Seq]) -> None:
    position = Position()
    applied = [seq for seq in arriving if position.take(seq) is Step.APPLY]
    assert applied == list(range(1, position.applied + 1))


@given(st.permutations([Seq(seq) for seq in range(1, 9)]))
def test_asking_again_at_each_gap_loses_nothing(arriving: list[Seq]) -> None:
    position = Position()
    for seq in arriving:
        if position.take(seq) is Step.GAP:
            for again in range(position.applied + 1, seq + 1):
                assert position.take(Seq(again)) is Step.APPLY
    assert position.applied == 8


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.integers(0, MAX_ID).map(Seq))
def test_a_place_is_read_as_it_was_written(epoch: str, seq: Seq) -> None:
    assert parse_place(format_place(epoch, seq)) == (epoch, seq)
    assert parse_place(str(seq)) == (None, seq)


@pytest.mark.parametrize("text", ["", ":", "k3v9:", ":1", "k3v9", "-1", "1\n", "k:1:1", "k v:1", "\u0661", "9" * 16])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_place(text)
