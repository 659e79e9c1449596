"""Dicts that can be rolled back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from hubbub.domain.errors import Internal

K = TypeVar("K")
V = TypeVar("V")


class Undo:
    """How to take back, step by step, what the running transaction did. Outside of one nothing can be written."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], None]] | None = None

    def add(self, step: Callable[[], None]) -> None:
        """Remember how to take back the change that comes next."""
        if self._steps is None:
            raise Internal("nothing can be written in a read transaction")
        self._steps.append(step)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Allow writing; an exception takes back everything that was written."""
        self._steps = []
        try:
            with self.savepoint():
                yield
        finally:
            self._steps = None

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction: an exception takes back what was written since."""
        start = len(self._steps or ())
        try:
            yield
        except BaseException:
            while self._steps and len(self._steps) > start:
                self._steps.pop()()
            raise


class Table(dict[K, V]):
    """A dict whose changes are remembered by an `Undo`. It is changed by `[key] = …`, `del`, `pop` and `clear` only."""

    def __init__(self, undo: Undo) -> None:
        super().__init__()
        self._undo = undo

    def __setitem__(self, key: K, value: V) -> None:
        self._remember(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        self._remember(key)
        super().__delitem__(key)

    def pop(self, key: K, default: V | None = None) -> V | None:  # type: ignore[override]
        """Remove a key, and return what it held; `default` when it is not there."""
        if key not in self:
            return default
        value = self[key]
        del self[key]
        return value

    def clear(self) -> None:
        for key in list(self):
            del self[key]

    def _remember(self, key: K) -> None:
        if key in self:
            self._undo.add(partial(super().__setitem__, key, self[key]))
        else:
            self._undo.add(partial(super().__delitem__, key))
