import pytest

from hubbub.domain.ids import Seq
from hubbub.simulator.sentences import describe_seqs


@pytest.mark.parametrize(
    ("seqs", "sentence"),
    [([1, 2, 3], "1..3 without a hole"), ([7], "7..7 without a hole"), ([5, 6, 9], "5..9 with 2 missing")],
)
def test_a_log_is_described_by_its_ends_and_what_is_missing(seqs: list[int], sentence: str) -> None:
    assert describe_seqs([Seq(seq) for seq in seqs]) == sentence
