"""What holds for the in-memory store alone; everything else is in tests/contract."""

import subprocess
import sys

import pytest

from hubbub.domain.errors import Internal
from hubbub.stores.memory.undo import Table, Undo

IMPORTED = """
import sys
import hubbub.stores.memory
print(*{name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names))
"""


def test_memory_imports_only_the_standard_library() -> None:
    # -S: no site-packages, and none of what their .pth files import.
    path = f"import sys; sys.path[:0] = {[path for path in sys.path if path.endswith('src')]!r}"
    answer = subprocess.run([sys.executable, "-S", "-c", path + IMPORTED], capture_output=True, text=True, check=True)
    assert set(answer.stdout.split()) == {"hubbub", "__main__"}


def test_a_failed_transaction_takes_back_every_change_of_a_table() -> None:
    undo = Undo()
    table: Table[str, int] = Table(undo)
    with undo.transaction():
        table["kept"] = 1
        table["changed"] = 2
        table["dropped"] = 3
        table["popped"] = 4

    def fail() -> None:
        with undo.transaction():
            table["changed"] = 20
            table["new"] = 5
            del table["dropped"]
            assert table.pop("popped") == 4
            assert table.pop("absent", 9) == 9
            table.clear()
            table["kept"] = 10
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert table == {"kept": 1, "changed": 2, "dropped": 3, "popped": 4}


def test_a_savepoint_takes_back_its_own_changes_alone() -> None:
    undo = Undo()
    table: Table[str, int] = Table(undo)

    def fail() -> None:
        with undo.savepoint():
            table["before"] = 2
            table["inside"] = 3
            raise ZeroDivisionError

    with undo.transaction():
        table["before"] = 1
        with pytest.raises(ZeroDivisionError):
            fail()
        table["after"] = 4
    assert table == {"before": 1, "after": 4}


def test_a_table_can_be_changed_in_a_transaction_only() -> None:
    undo = Undo()
    table: Table[str, int] = Table(undo)
    with pytest.raises(Internal):
        table["key"] = 1
    with undo.transaction():
        table["key"] = 1
    with pytest.raises(Internal):
        del table["key"]
    with pytest.raises(Internal):
        table.clear()
    assert table == {"key": 1}
