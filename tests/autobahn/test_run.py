"""What is taken for a deviation; the suite itself takes a minute, and is run by `./dev autobahn`."""

import pytest

from tests.autobahn.run import CASES, EXPECTED, OK, OK_OR_NON_STRICT, differences, results_of

AS_EXPECTED = {**{f"1.{number}": OK for number in range(CASES - len(EXPECTED))}, **EXPECTED}


def test_nothing_differs_when_the_known_deviations_are_all() -> None:
    assert list(differences(AS_EXPECTED)) == []


@pytest.mark.parametrize(
    ("case", "found", "difference"),
    [
        ("1.1", "FAILED", "1.1 is FAILED, not OK"),
        ("1.1", "NON-STRICT", "1.1 is NON-STRICT, not OK"),
        ("6.4.1", "FAILED", "6.4.1 is FAILED, not NON-STRICT"),
        ("7.1.5", "OK", "7.1.5 is OK, not FAILED"),
    ],
)
def test_a_case_differs_for_the_worse_and_for_the_better(case: str, found: str, difference: str) -> None:
    assert list(differences({**AS_EXPECTED, case: found})) == [difference]


def test_an_answer_that_nonsense_overtook_may_come_or_not() -> None:
    for found, count in (("OK", 0), ("NON-STRICT", 0), ("FAILED", len(OK_OR_NON_STRICT))):
        results = {**dict(list(AS_EXPECTED.items())[len(OK_OR_NON_STRICT) :]), **dict.fromkeys(OK_OR_NON_STRICT, found)}
        assert len(list(differences(results))) == count


def test_a_case_that_was_not_run_is_a_difference() -> None:
    assert list(differences({"1.1": OK})) == [f"1 cases instead of {CASES}"]


def test_a_wrong_close_counts_where_the_messages_were_right() -> None:
    report = {
        "1.1": {"behavior": "OK", "behaviorClose": "OK"},
        "7.1": {"behavior": "OK", "behaviorClose": "WRONG CODE"},
        "7.2": {"behavior": "FAILED", "behaviorClose": "WRONG CODE"},
        "7.3": {"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"},
    }
    assert results_of(report) == {"1.1": "OK", "7.1": "WRONG CODE", "7.2": "FAILED", "7.3": "OK"}
