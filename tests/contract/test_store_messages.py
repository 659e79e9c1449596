"""Messages, in any store."""

import unicodedata

import pytest

from hubbub.domain.events import History, RoomKind
from hubbub.domain.ids import MAX_ID, RoomId, Seq, UserId
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.users import User
from hubbub.services.ports import Store, Tx
from tests.contract.acts import NOW, found, happen, post, say, seqs, sign_up

TEXTS = {
    "astral": "👩‍👩‍👧‍👦 𐍈𒀀 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "right to left": "שלום עולם \u202eabc\u202c مرحبا",
    "NFC": unicodedata.normalize("NFC", "Ångström"),
    "NFD": unicodedata.normalize("NFD", "Ångström"),
    "white space": "\ttab\n\n  two lines \u00a0\u2028",
    "SQL": "'; DROP TABLE messages; -- \" % _ \\ ? :name",
    "JSON": '{"text": null, "a": [1, "\\u0000"]}',
    "longest": "é" * 8191 + "z",
    "beyond the plane": "\U0010ffff\ufffe\ufeff",
}


async def page(
    store: Store, room: ChatRoom, *, before: int | None = None, base: int = 0, limit: int = 200
) -> list[int]:
    """The seqs of a page."""
    last = None if before is None else Seq(before)
    return seqs(await store.read(lambda tx: tx.messages.page(room.id, before=last, base=Seq(base), limit=limit)))


async def search(
    store: Store,
    user: User,
    query: str,
    *,
    room: ChatRoom | None = None,
    before: tuple[RoomId, Seq] | None = None,
    limit: int = 200,
) -> list[str]:
    """The texts that are found."""
    room_id = None if room is None else room.id
    found_messages = await store.read(
        lambda tx: tx.messages.search(user.id, query, room_id=room_id, before=before, limit=limit)
    )
    return [message.text for message in found_messages]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_text_comes_back_exactly_as_it_was_sent(store: Store, text: str) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    posted = (await say(store, room, ann, text))[0]
    assert await store.read(lambda tx: tx.messages.get([(room.id, posted.seq)])) == {(room.id, posted.seq): posted}
    other = (await say(store, room, ann, "other"))[0]
    edited = room.edit(ann.id, other.seq, text)
    await happen(store, room, *edited)
    assert await store.read(lambda tx: tx.log.after(room.id, other.seq, limit=1)) == list(edited)
    assert posted.text == room.messages[other.seq].text == text


# get and by_client_id


async def test_get_returns_messages_in_their_current_state(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob)
    one, two, three = await say(store, room, ann, "one", "two", "three")
    await happen(store, room, room.post(bob.id, "four", client_id="c", reply_to=one.seq, at=NOW))
    await happen(store, room, *room.edit(ann.id, two.seq, "changed", at=NOW))
    await happen(store, room, *room.edit(ann.id, three.seq, "changed", at=NOW))
    await happen(store, room, *room.delete(ann.id, three.seq, at=NOW))
    keys = [(room.id, Seq(seq)) for seq in range(room.head + 3)]
    stored = await store.read(lambda tx: tx.messages.get(keys))
    assert stored == {(room.id, seq): message for seq, message in room.messages.items()}
    assert stored[room.id, two.seq] == Message(room.id, two.seq, ann.id, NOW, "changed", version=Seq(8), edited_at=NOW)
    gone = stored[room.id, three.seq]
    assert (gone.text, gone.deleted, gone.version, gone.edited_at) == ("", True, 10, NOW)


async def test_get_leaves_out_what_is_no_message(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    keys = [(room.id, Seq(1)), (room.id, Seq(99)), (RoomId(99), Seq(1)), (RoomId(MAX_ID), Seq(MAX_ID))]
    assert await store.read(lambda tx: tx.messages.get(keys)) == {}
    assert await store.read(lambda tx: tx.messages.get([])) == {}


async def test_by_client_id_finds_what_an_author_posted(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room, other = await found(store, ann, bob), await found(store, ann)
    ids = ["a", "'\"\\", "é", "e\u0301", "😀", "A", "1"]
    posted = {
        (room.id, ann.id, client_id): (await say(store, room, ann, "text", client_id=client_id))[0] for client_id in ids
    }
    await say(store, room, ann, "without")
    keys = [*posted, (room.id, bob.id, "a"), (other.id, ann.id, "a"), (room.id, ann.id, ""), (room.id, ann.id, "01")]
    assert await store.read(lambda tx: tx.messages.by_client_id(keys)) == posted
    assert await store.read(lambda tx: tx.messages.by_client_id([])) == {}


async def test_look_ups_take_any_number_of_keys(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    await say(store, room, ann, "text", client_id="7")
    keys = [(room.id, Seq(seq)) for seq in range(5000)]
    client_ids = [(room.id, ann.id, str(number)) for number in range(5000)]
    assert set(await store.read(lambda tx: tx.messages.get(keys))) == {(room.id, 3)}
    assert set(await store.write(lambda tx: tx.messages.by_client_id(client_ids))) == {(room.id, ann.id, "7")}


# page and page_after


async def test_page_is_newest_first_and_before_and_base_are_exclusive(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room, other = await found(store, ann), await found(store, ann)
    for text in "abcde":
        await say(store, room, ann, text)  # 3 .. 6, and 8
        if text == "d":
            await happen(store, room, *room.add_member(ann.id, bob.id))  # 7
    await say(store, other, ann, "elsewhere")
    assert await page(store, room) == [8, 6, 5, 4, 3]
    assert await page(store, room, limit=2) == [8, 6]
    assert await page(store, room, before=8) == [6, 5, 4, 3]
    assert await page(store, room, before=6, limit=2) == [5, 4]
    assert await page(store, room, before=3) == []
    assert await page(store, room, before=0) == []
    assert await page(store, room, before=MAX_ID, limit=1) == [8]
    assert await page(store, room, base=4) == [8, 6, 5]
    assert await page(store, room, base=8) == []
    assert await page(store, room, base=4, before=6) == [5]
    assert await page(store, room, base=MAX_ID) == []
    assert await store.read(lambda tx: tx.messages.page(RoomId(99), before=None, base=Seq(0), limit=9)) == []


async def test_page_after_is_oldest_first_and_after_is_exclusive(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    await say(store, room, ann, *"abcdef")  # 3 .. 8

    async def page_after(after: int, limit: int = 200) -> list[int]:
        return seqs(await store.read(lambda tx: tx.messages.page_after(room.id, after=Seq(after), limit=limit)))

    assert await page_after(0) == [3, 4, 5, 6, 7, 8]
    assert await page_after(0, 2) == [3, 4]
    assert await page_after(4, 3) == [5, 6, 7]
    assert await page_after(7, 3) == [8]
    assert await page_after(8) == []
    assert await page_after(MAX_ID) == []
    assert await store.read(lambda tx: tx.messages.page_after(RoomId(99), after=Seq(0), limit=9)) == []


async def test_pages_include_deleted_messages_with_empty_text(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    one, two = await say(store, room, ann, "one", "two")
    await happen(store, room, *room.delete(ann.id, one.seq))
    newest_first = await store.read(lambda tx: tx.messages.page(room.id, before=None, base=Seq(0), limit=9))
    assert newest_first == [two, room.messages[one.seq]]
    assert newest_first[1].text == ""
    oldest_first = await store.read(lambda tx: tx.messages.page_after(room.id, after=Seq(0), limit=9))
    assert oldest_first == newest_first[::-1]


# search


async def test_search_finds_any_case_beyond_ascii(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    texts = ["Ein Élan", "ÜBER allem", "ПРИВЕТ мир", "plain", "ΟΔΥΣΣΕΎΣ", "İstanbul", "日本語の文"]
    await say(store, room, ann, *texts)
    for query, expected in {
        "éLAN": "Ein Élan",
        "über": "ÜBER allem",
        "ивет": "ПРИВЕТ мир",
        "PLAIN": "plain",
        "οδυσσεύς": "ΟΔΥΣΣΕΎΣ",
        "i̇STAN": "İstanbul",
        "本語": "日本語の文",
    }.items():
        assert await search(store, ann, query) == [expected]
    assert await search(store, ann, "elan") == []
    assert await search(store, ann, "") == texts[::-1]


async def test_search_takes_wildcards_literally(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    await say(store, room, ann, "100%", "a_b", "a\\b", "a*b?", "it's", 'say "x"', "1000", "acb")
    for query, expected in {
        "0%": ["100%"],
        "a_b": ["a_b"],
        "\\": ["a\\b"],
        "*": ["a*b?"],
        "'": ["it's"],
        '"x"': ['say "x"'],
        "%%": [],
    }.items():
        assert await search(store, ann, query) == expected


async def test_search_is_limited_to_rooms_of_the_user_and_what_they_may_read(store: Store) -> None:
    ann, bob, eve = await sign_up(store, "ann", "bob", "eve")
    open_room = await found(store, ann, name="open")
    hidden = await found(store, ann, name="hidden", history=History.SINCE_JOINED)
    private = await found(store, ann, name="private")
    left = await found(store, ann, bob, name="left")
    closed = await found(store, ann, bob, name="closed", kind=RoomKind.CHANNEL)
    for room in (open_room, hidden, private, left, closed):
        await say(store, room, ann, f"word {room.name} early")
    for room in (open_room, hidden):
        await happen(store, room, *room.add_member(ann.id, bob.id))
        await say(store, room, ann, f"word {room.name} late")
    await happen(store, left, *left.remove_member(bob.id, bob.id))
    await happen(store, closed, *closed.close(ann.id))
    assert await search(store, bob, "WORD") == ["word hidden late", "word open late", "word open early"]
    assert await search(store, bob, "word", room=hidden) == ["word hidden late"]
    assert await search(store, bob, "word", room=private) == []
    assert await search(store, bob, "word", room=left) == []
    assert await search(store, eve, "word") == []
    assert len(await search(store, ann, "word")) == 6
    assert await store.read(lambda tx: tx.messages.search(UserId(99), "", room_id=None, before=None, limit=9)) == []


async def test_search_leaves_out_deleted_messages_and_old_texts(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    one, two = await say(store, room, ann, "word one", "word two")
    await happen(store, room, *room.delete(ann.id, one.seq))
    await happen(store, room, *room.edit(ann.id, two.seq, "other"))
    assert await search(store, ann, "word") == []
    assert await search(store, ann, "") == ["other"]


async def test_search_pages_by_room_and_seq_descending_with_an_exclusive_cursor(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    rooms = [await found(store, ann) for _ in range(3)]

    def fill(tx: Tx) -> None:
        for room in rooms:
            for number in range(4):
                post(tx, room.id, ann.id, f"word {number}")

    await store.write(fill)

    async def part(before: tuple[RoomId, Seq] | None) -> list[Message]:
        return await store.read(lambda tx: tx.messages.search(ann.id, "word", room_id=None, before=before, limit=5))

    pages: list[list[Message]] = []
    before: tuple[RoomId, Seq] | None = None
    while messages := await part(before):
        pages.append(messages)
        before = (messages[-1].room_id, messages[-1].seq)
    assert [len(messages) for messages in pages] == [5, 5, 2]
    keys = [(message.room_id, message.seq) for messages in pages for message in messages]
    assert keys == [(room.id, seq) for room in reversed(rooms) for seq in (6, 5, 4, 3)]
    assert await search(store, ann, "word", room=rooms[1], before=(rooms[1].id, Seq(5))) == ["word 1", "word 0"]
    assert await search(store, ann, "word", before=(RoomId(0), Seq(0))) == []
