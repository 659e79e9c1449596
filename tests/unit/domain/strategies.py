"""Hypothesis strategies for the values of the domain: any value, for tests to which it does not matter which."""

from hypothesis import strategies as st

from hubbub.domain.events import (
    Event,
    History,
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomChanged,
    RoomCreated,
    RoomDeleted,
    RoomKind,
)
from hubbub.domain.ids import MAX_ID, Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message

room_ids = st.integers(1, MAX_ID).map(RoomId)
user_ids = st.integers(1, MAX_ID).map(UserId)
seqs = st.integers(1, MAX_ID).map(Seq)
moments = st.integers(0, 253_402_300_799_999).map(Millis)  # 1970 to 9999
roles = st.sampled_from(Role)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    seq = draw(seqs)
    return Message(
        draw(room_ids),
        seq,
        draw(user_ids),
        draw(moments),
        draw(st.text()),
        client_id=draw(st.none() | st.text(max_size=64)),
        reply_to=draw(st.none() | seqs),
        version=Seq(draw(st.integers(seq, MAX_ID))),
        edited_at=draw(st.none() | moments),
        deleted_at=draw(st.none() | moments),
    )


def events() -> st.SearchStrategy[Event]:
    """Events of all kinds."""
    common = (room_ids, seqs, user_ids, moments)
    return st.one_of(
        st.builds(RoomCreated, *common, st.sampled_from(RoomKind), st.text(), st.text(), st.sampled_from(History)),
        st.builds(RoomChanged, *common, st.text(), st.text()),
        st.builds(RoomDeleted, *common),
        st.builds(MemberJoined, *common, user_ids, roles),
        st.builds(MemberLeft, *common, user_ids),
        st.builds(MemberRoleChanged, *common, user_ids, roles),
        st.builds(MessagePosted, messages()),
        st.builds(MessageEdited, *common, seqs, st.text()),
        st.builds(MessageDeleted, *common, seqs),
    )
