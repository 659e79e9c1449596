"""docs/settings.md lists every setting as the class has it."""

from pydantic.fields import FieldInfo

from hubbub.settings import Settings, variable
from tests.guards.project import ROOT

PAGE = ROOT / "docs" / "settings.md"


def rows() -> list[str]:
    return [row(name, field) for name, field in Settings.model_fields.items()]


def row(name: str, field: FieldInfo) -> str:
    return f"| `{variable(name)}` | {shown(field.default)} | {field.description} |"


def shown(default: object) -> str:
    match default:
        case None | ():
            return ""
        case True:
            return "`true`"
        case False:
            return "`false`"
        case _:
            return f"`{default}`"


def test_the_page_lists_every_setting_with_its_default_and_what_it_is() -> None:
    listed = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `HUBBUB_")]
    assert listed == rows()


def test_every_setting_is_described_in_one_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description[-1] in ".?", name
        assert "|" not in field.description, name
