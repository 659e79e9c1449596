from io import StringIO

from rich.console import Console

from hubbub.audit.findings import Findings
from hubbub.audit.reports import Bar, show


def shown(findings: Findings) -> str:
    out = StringIO()
    show(Console(file=out, width=100), findings, {"rooms": 3, "events": 12345})
    return out.getvalue()


def test_no_finding_is_said_in_so_many_words() -> None:
    assert shown(Findings()) == "3 rooms, 12,345 events\nnothing wrong was found\n"


def test_findings_are_shown_with_their_places() -> None:
    findings = Findings()
    findings.add("hole", "events 4 to 5 are [missing]", 9, 4)
    text = shown(findings)
    assert " ".join(text.replace("│", " ").split()).count("hole 9 4 events 4 to 5 are [missing]") == 1
    assert text.endswith("1 finding\n")


def test_findings_beyond_those_that_are_kept_are_counted() -> None:
    findings = Findings()
    for seq in range(25):
        findings.add("hole", "missing", 9, seq)
    assert "5 more: hole\n25 findings\n" in shown(findings)


def test_a_remark_is_shown_and_is_no_finding() -> None:
    findings = Findings()
    findings.remark("time goes back", "3 ms", 9, 4)
    text = shown(findings)
    assert "time goes back" in text
    assert text.endswith("nothing wrong was found\n")


def test_a_bar_writes_nothing_but_to_a_terminal() -> None:
    out = StringIO()
    with Bar(Console(file=out)) as bar:
        bar.begin("logs", 0)
        bar.begin("talk", 10)
        bar.advance(5)
    assert out.getvalue() == ""


def test_a_bar_shows_how_far_it_is() -> None:
    out = StringIO()
    with Bar(Console(file=out, force_terminal=True, width=80)) as bar:
        bar.begin("logs", 10)
        bar.advance(5)
    assert "logs" in out.getvalue()
