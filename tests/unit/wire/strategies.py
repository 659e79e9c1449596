"""Hypothesis strategies for frames, made from the types of their fields, so that no field is forgotten."""

from typing import Any

import msgspec.inspect as inspect
from hypothesis import strategies as st
from msgspec import Struct

from hubbub.wire.frames import ClientFrame, ServerFrame

CLIENT_FRAMES: tuple[type[Struct], ...] = ClientFrame.__args__
SERVER_FRAMES: tuple[type[Struct], ...] = ServerFrame.__args__


def frames(cls: type[Struct]) -> st.SearchStrategy[Any]:
    """Any frame of this class."""
    return _values(inspect.type_info(cls))


def _values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StructType():
            return st.builds(kind.cls, **{field.name: _values(field.type) for field in kind.fields})
        case inspect.UnionType():
            return st.one_of(*(_values(member) for member in kind.types))
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(kind.ge, kind.le)
        case inspect.FloatType():
            return st.floats(kind.ge, kind.le, allow_nan=False, allow_infinity=False)
        case inspect.StrType():
            return st.text()
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.EnumType():
            return st.sampled_from(list(kind.cls))
        case inspect.ListType():
            return st.lists(_values(kind.item_type), max_size=3)
        case inspect.TupleType():
            return st.tuples(*(_values(item) for item in kind.item_types))
        case inspect.DictType():
            return st.dictionaries(_values(kind.key_type), _values(kind.value_type), max_size=3)
        case _:
            raise AssertionError(f"no strategy for {kind}")
