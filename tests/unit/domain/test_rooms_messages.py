"""What ChatRoom promises about posting, editing and deleting messages."""

import pytest

from hubbub.domain.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from hubbub.domain.events import (
    History,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
)
from hubbub.domain.ids import Seq, UserId
from hubbub.domain.messages import Message
from tests.unit.domain.rooms import ADMIN, AT, BOB, CAT, LATER, OUTSIDER, OWNER, ROOM, apply, direct, posted, shared


def test_a_message_takes_the_next_seq_and_keeps_what_was_sent() -> None:
    assert shared().post(BOB, "hi", client_id="a1", at=LATER) == MessagePosted(
        Message(ROOM, Seq(7), BOB, LATER, "hi", "a1")
    )


@pytest.mark.parametrize(
    ("text", "client_id", "error", "field"),
    [
        ("", None, Invalid, "text"),
        ("\x00", None, Invalid, "text"),
        ("x" * 16_385, None, TooLarge, "text"),
        ("hi", "", Invalid, "client_id"),
        ("hi", "x" * 65, Invalid, "client_id"),
    ],
)
def test_a_message_keeps_the_rules_of_texts(text: str, client_id: str | None, error: type[Invalid], field: str) -> None:
    with pytest.raises(error) as caught:
        shared().post(BOB, text, client_id=client_id)
    assert caught.value.field == field


def test_a_reply_is_to_a_message_of_the_room_also_to_a_deleted_one() -> None:
    room = shared()
    seq = posted(room, BOB)
    assert room.post(CAT, "yes", reply_to=seq).message.reply_to == seq
    apply(room, *room.delete(BOB, seq))
    assert room.post(CAT, "yes", reply_to=seq).message.reply_to == seq


@pytest.mark.parametrize("reply_to", [0, 2, 7, 99])
def test_a_reply_to_what_is_no_message_is_invalid(reply_to: int) -> None:
    with pytest.raises(Invalid) as caught:
        shared().post(BOB, "yes", reply_to=Seq(reply_to))
    assert caught.value.field == "reply_to"


def test_a_message_from_before_ones_time_can_be_neither_answered_nor_touched() -> None:
    room = shared(history=History.SINCE_JOINED)
    seq = posted(room, OWNER)
    apply(room, *room.add_member(OWNER, OUTSIDER))
    assert room.base(OUTSIDER) == seq
    with pytest.raises(Invalid):
        room.post(OUTSIDER, "what?", reply_to=seq)
    with pytest.raises(NotFound, match=f"no message {seq}"):
        room.edit(OUTSIDER, seq, "ho")
    with pytest.raises(NotFound, match=f"no message {seq}"):
        room.delete(OUTSIDER, seq)


def test_who_comes_back_reads_from_the_new_membership_on() -> None:
    room = shared(history=History.SINCE_JOINED)
    assert room.base(CAT) == 4
    apply(room, *room.remove_member(CAT, CAT))
    apply(room, *room.add_member(OWNER, CAT))
    assert room.base(CAT) == room.head - 1


def test_an_edit_changes_text_and_version_and_keeps_the_rest() -> None:
    room = shared()
    seq = posted(room, BOB)
    events = room.edit(BOB, seq, "ho", at=LATER)
    assert events == (MessageEdited(ROOM, Seq(8), BOB, LATER, seq, "ho"),)
    apply(room, *events)
    assert room.messages[seq] == Message(ROOM, seq, BOB, AT, "ho", version=Seq(8), edited_at=LATER)


def test_an_edit_to_the_same_text_is_nothing() -> None:
    room = shared()
    assert room.edit(BOB, posted(room, BOB, "hi"), "hi") == ()


@pytest.mark.parametrize("who", [OWNER, ADMIN, CAT])
def test_nobody_edits_the_message_of_another(who: UserId) -> None:
    room = shared()
    with pytest.raises(Forbidden):
        room.edit(who, posted(room, BOB), "ho")


def test_an_edited_text_keeps_the_rules_of_texts() -> None:
    room = shared()
    with pytest.raises(Invalid) as caught:
        room.edit(BOB, posted(room, BOB), " ")
    assert caught.value.field == "text"


@pytest.mark.parametrize("who", [OWNER, ADMIN, BOB])
def test_a_deletion_empties_the_text_and_leaves_the_place(who: UserId) -> None:
    room = shared()
    seq = posted(room, BOB)
    events = room.delete(who, seq, at=LATER)
    assert events == (MessageDeleted(ROOM, Seq(8), who, LATER, seq),)
    apply(room, *events)
    assert room.messages[seq] == Message(ROOM, seq, BOB, AT, "", version=Seq(8), deleted_at=LATER)


def test_a_plain_member_does_not_delete_the_message_of_another() -> None:
    room = shared()
    with pytest.raises(Forbidden):
        room.delete(CAT, posted(room, BOB))


def test_in_a_direct_room_nobody_deletes_the_message_of_the_other() -> None:
    room = direct()
    with pytest.raises(Forbidden):
        room.delete(CAT, posted(room, BOB))


def test_a_deleted_message_is_not_edited_and_deleting_it_again_is_nothing() -> None:
    room = shared()
    seq = posted(room, BOB)
    apply(room, *room.delete(BOB, seq))
    assert room.delete(ADMIN, seq) == ()
    with pytest.raises(Conflict):
        room.edit(BOB, seq, "ho")


@pytest.mark.parametrize("target", [0, 2, 99])
def test_what_is_no_message_is_not_found(target: int) -> None:
    with pytest.raises(NotFound):
        shared().edit(OWNER, Seq(target), "ho")
