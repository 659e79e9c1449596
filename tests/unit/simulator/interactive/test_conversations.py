import pytest

from hubbub.domain.errors import error_classes
from hubbub.simulator.interactive.commands import ADVICE, COMMANDS, complete
from tests.unit.simulator.interactive.keyboards import Keyboard


@pytest.fixture
async def keyboard() -> Keyboard:
    """ann and ben have signed in, and ben is acting."""
    keyboard = Keyboard()
    await keyboard.type("/register ann", "/register ben")
    return keyboard


@pytest.fixture
async def team(keyboard: Keyboard) -> Keyboard:
    """ann owns the group team, where ben is; ann is acting in it and has said hello, [4]."""
    await keyboard.type("/as ann", "/room team ben", "hello")
    return keyboard


async def test_the_prompt_says_who_is_acting_and_where() -> None:
    keyboard = Keyboard()

    printed = await keyboard.type("/register ann", "/register ben", "/room team", "/dm ann", "/as ann", "")

    prompts = [line for line in printed if not line.startswith("  ")]
    assert prompts == [
        "hubbub> /register ann",
        "ann> /register ben",
        "ben> /room team",
        "ben team> /dm ann",
        "ben ann+ben> /as ann",
        "ann> ",
    ]


async def test_an_event_names_everybody_here_who_is_told_of_it(team: Keyboard) -> None:
    assert await team.answer("how are you?") == ["  [5] ann: how are you?  (seen by ann, ben)"]
    assert await team.answer("/room alone") == ['  [1] ann created the group "alone"', "  [2] ann joined as owner"]


async def test_who_was_removed_is_told_of_that_and_of_nothing_after_it(team: Keyboard) -> None:
    await team.type("/as ben", "/switch team", "/as ann")

    assert await team.answer("/kick ben") == ["  [5] ann removed ben  (seen by ann, ben)"]
    assert await team.answer("gone?") == ["  [6] ann: gone?"]
    assert (await team.type("/as ben", "hello?"))[-2:] == [
        "ben> hello?",
        "  you are looking at no room: /switch ROOM opens one of yours, /room NAME makes a new one.",
    ]


async def test_nobody_is_left_in_a_room_that_was_deleted(team: Keyboard) -> None:
    await team.type("/as ben", "/switch team", "/as ann")

    assert await team.type("/close", "/as ben", "") == [
        "ann team> /close",
        "  [5] ann deleted the room  (seen by ann, ben)",
        "ann> /as ben",
        "ben> ",
    ]


async def test_a_direct_room_has_the_same_name_for_both(keyboard: Keyboard) -> None:
    await keyboard.type("/dm ann")

    assert (await keyboard.type("/as ann", "/switch ben", ""))[-1] == "ann ann+ben> "
    assert (await keyboard.type("/switch @BEN", ""))[-1] == "ann ann+ben> "
    assert (await keyboard.type("/dm ben", ""))[-1] == "ann ann+ben> "


async def test_a_message_is_answered_edited_found_and_deleted(team: Keyboard) -> None:
    assert await team.answer("/reply 4 hello yourself") == ["  [5] ann: hello yourself  (seen by ann, ben)"]
    assert await team.answer("/edit [4] good  morning") == ["  [6] ann edited [4]: good  morning  (seen by ann, ben)"]
    assert await team.answer("/search morning") == ["  team [4] ann: good  morning (edited)"]
    assert await team.answer("/search evening") == ['  Nothing in your rooms contains "evening".']
    assert await team.answer("/delete 5") == ["  [7] ann deleted [5]  (seen by ann, ben)"]
    assert await team.answer("/history") == ["  [4] ann: good  morning (edited)", "  [5] ann: (deleted)"]
    assert await team.answer("/history 1") == ["  [5] ann: (deleted)"]


async def test_the_log_shows_every_event_and_that_none_is_missing(team: Keyboard) -> None:
    await team.type("/role ben admin", "/rename Release 2.0", "/topic Don't panic", "/topic", "/role ben member")

    assert await team.answer("/log") == [
        '    1  room.created         ann created the group "team"',
        "    2  member.joined        ann joined as owner",
        "    3  member.joined        ann added ben",
        "    4  message.posted       ann: hello",
        "    5  member.role_changed  ann made ben admin",
        '    6  room.changed         ann changed the room: name "Release 2.0", topic ""',
        '    7  room.changed         ann changed the room: name "Release 2.0", topic "Don\'t panic"',
        '    8  room.changed         ann changed the room: name "Release 2.0", topic ""',
        "    9  member.role_changed  ann made ben member",
        "  1..9 without a hole",
    ]


async def test_rooms_members_and_channels_are_listed(team: Keyboard) -> None:
    await team.type("/topic All of us", "/invite ben admin")
    await team.type("/register cleo", "/channel #news", "/as ben", "/join NEWS")

    assert await team.answer("/channels") == ["    2  news  (2 members)"]
    await team.type("/register dora", "/channel tea")
    assert await team.answer("/channels") == ["    2  news  (2 members)", "    3  tea  (1 member)"]
    await team.type("/as ben")
    assert await team.answer("/members") == ["  ben (member)", "  cleo (owner)"]
    await team.type("/switch 1")
    assert await team.answer("/members") == ["  ann (owner)", "  ben (admin)"]
    assert (await team.type("/as cleo", "anybody?", "/as ben", "/rooms"))[-2:] == [
        "    2  news  (channel, 1 unread)",
        "    1  team  (group, all read)  All of us",
    ]
    await team.type("/register dan")
    assert await team.answer("/rooms") == ["  You are in no room yet: /channels lists what you may join."]


async def test_a_room_in_front_of_somebody_counts_as_read(team: Keyboard) -> None:
    await team.type("/as ben", "/switch team", "/as ann", "one", "two")

    assert (await team.type("/as ben", "/rooms"))[-1] == "    1  team  (group, all read)"


async def test_a_name_with_spaces_stands_in_quotation_marks(keyboard: Keyboard) -> None:
    await keyboard.type('/room "Release 2.0" ann', "/dm ann")

    assert (await keyboard.type('/switch "release 2.0"', ""))[-1] == "ben Release 2.0> "


async def test_rooms_of_the_same_name_are_told_apart_by_their_numbers(keyboard: Keyboard) -> None:
    await keyboard.type("/room team", "/room team")

    assert await keyboard.answer("/switch team") == [
        "  several of your rooms are called team: say the number instead, 1 or 2."
    ]
    assert (await keyboard.type("/switch 1", ""))[-1] == "ben team> "


async def test_somebody_signs_in_with_their_password(keyboard: Keyboard) -> None:
    await keyboard.type("/register cleo correct-horse")
    again = Keyboard(keyboard.store)

    assert await again.answer("/login Cleo correct-horse") == ["  Welcome back, cleo."]
    assert await again.answer("/login ann wrong-horse") == [
        "  Refused (unauthenticated): wrong username, e-mail address or password.",
        "  Check the name and the password, or make an account with /register NAME.",
    ]
    assert await again.answer("/login ann") == ["  signing in needs the password: /login NAME PASSWORD."]


async def test_who_signs_in_is_told_of_what_happens_in_the_rooms_they_have(team: Keyboard) -> None:
    await team.type("/register cleo correct-horse", "/room old ann", "/room den")
    again = Keyboard(team.store)

    await again.type("/login cleo correct-horse", "/switch old")

    assert await again.answer("still here") == ["  [4] cleo: still here"]
    assert await again.answer("/kick ann") == ["  [5] cleo removed ann"]


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("/foo", "  there is no command /foo: /help lists them all."),
        ("/help foo", "  there is no command /foo: /help lists them all."),
        ("/edit 4", "  it goes like this: /edit SEQ TEXT."),
        ("/members now", "  it goes like this: /members."),
        ('/switch "team', "  a quotation mark is not closed: /switch ROOM."),
        ("/edit four hello", "  four is not a number from 1 to 9007199254740991."),
        ("/delete \u0664", "  \u0664 is not a number from 1 to 9007199254740991."),
        ("/history 201", "  201 is not a number from 1 to 200."),
        ("/role ben king", "  king is no role: there are member, admin, owner."),
        ("/kick nobody", "  there is nobody called nobody: /register nobody makes an account."),
        ("/switch den", "  you are in no room called den: /rooms lists yours, /join NAME enters a channel."),
        ("/join news", "  there is no channel called news: /channels lists all, /channel news makes it."),
        ("/as cleo", "  cleo has not signed in: /login cleo does that, /register cleo makes an account."),
    ],
)
async def test_a_line_that_can_not_be_carried_out_says_why_and_what_to_type(
    team: Keyboard, line: str, printed: str
) -> None:
    assert await team.answer(line) == [printed]


async def test_before_anybody_has_signed_in_nothing_can_be_said() -> None:
    keyboard = Keyboard()

    assert await keyboard.answer("hello") == [
        "  nobody has signed in: /register NAME makes an account, /login NAME uses one."
    ]


async def test_a_refusal_has_its_code_its_sentence_and_what_to_do_next(team: Keyboard) -> None:
    assert await team.answer("/register ann") == [
        "  Refused (conflict): this username or e-mail address is taken.",
        "  Choose another, or see /help for what else there is.",
    ]
    assert await team.answer("/delete 99") == [
        "  Refused (not_found): there is no message 99 in room 1.",
        "  /rooms lists your rooms, /history the messages of this one.",
    ]
    assert (await team.answer("x" * 20_000))[0] == "  Refused (too_large): text may have at most 16384 bytes of UTF-8."


async def test_a_database_that_is_gone_is_a_refusal_too(team: Keyboard) -> None:
    await team.store.close()

    assert (await team.answer("hello"))[0] == "  Refused (unavailable): the store is closed."


def test_there_is_advice_for_every_error_that_can_reach_somebody_at_the_keyboard() -> None:
    never = {"bad_frame", "unknown_type", "token_expired", "client_id_reused"}  # no sockets, no tokens, no client_ids
    assert ADVICE.keys() == error_classes().keys() - never


async def test_lists_are_complete_beyond_a_page(keyboard: Keyboard) -> None:
    await keyboard.type(*[f"/channel c{number}" for number in range(201)])

    assert len(await keyboard.answer("/rooms")) == 201
    assert len(await keyboard.answer("/channels")) == 201
    assert (await keyboard.type("/as ann", "/join c200", ""))[-1] == "ann c200> "


async def test_without_channels_it_says_how_to_make_one(keyboard: Keyboard) -> None:
    assert await keyboard.answer("/channels") == ["  There are none yet: /channel NAME makes one."]


async def test_a_person_who_signs_in_again_stays_where_they_were(team: Keyboard) -> None:
    await team.type("/register cleo correct-horse", "/room den", "/as ann")

    assert (await team.type("/login cleo correct-horse", ""))[-1] == "cleo den> "


@pytest.mark.parametrize(
    "line", ["/invite ben", "/role ben member", "/edit 4 hello", "/rename team", "/topic", "/delete 5"]
)
async def test_what_is_so_already_is_said(team: Keyboard, line: str) -> None:
    await team.type("bye", "/delete 5")

    assert await team.answer(line) == ["  It is so already: nothing has changed."]


async def test_who_is_in_a_channel_already_is_told_so(keyboard: Keyboard) -> None:
    await keyboard.type("/channel news", "/room team")

    assert await keyboard.type("/join news", "") == [
        "ben team> /join news",
        "  It is so already: nothing has changed.",
        "ben news> ",
    ]


async def test_advice_on_a_refusal_is_true(team: Keyboard) -> None:
    assert (await team.answer('/register "a b"'))[1] == "  Nothing has happened: type it anew."
    await team.type("/dm ben")
    assert await team.answer("/leave") == [
        "  Refused (forbidden): you may not leave this room: it is a direct room.",
        "  What somebody may do in a group or a channel is a matter of their role: /members shows it.",
    ]


async def test_who_leaves_looks_at_no_room(team: Keyboard) -> None:
    assert await team.type("/as ben", "/switch team", "/leave", "") == [
        "ann team> /as ben",
        "ben> /switch team",
        "ben team> /leave",
        "  [5] ben left  (seen by ann, ben)",
        "ben> ",
    ]


async def test_messages_of_people_who_have_not_signed_in_have_their_names(team: Keyboard) -> None:
    await team.type("/register cleo correct-horse", "/channel news", "/as ann", "/join news", "hello")
    again = Keyboard(team.store)

    printed = await again.type("/login cleo correct-horse", "/switch news", "/history", "/join new")

    assert "  [4] ann: hello" in printed
    assert printed[-1] == "  there is no channel called new: /channels lists all, /channel new makes it."


async def test_lines_after_quit_are_not_carried_out(keyboard: Keyboard) -> None:
    assert await keyboard.type("/quit", "/room team") == ["ben> /quit"]


async def test_refusals_are_counted(keyboard: Keyboard) -> None:
    assert await keyboard.refusals("/room team", "hello", "/foo", "/delete 99", "") == 2


async def test_help_describes_every_command(keyboard: Keyboard) -> None:
    printed = await keyboard.answer("/help")

    assert [line.split()[0] for line in printed[:-1]] == [f"/{name}" for name in COMMANDS]
    assert await keyboard.answer("/help /dm") == ["  /dm PERSON", "  Open the direct room with another person."]


async def test_completion_offers_what_the_usage_of_a_command_asks_for(team: Keyboard) -> None:
    await team.type('/room "Release 2.0"')

    def offered(line: str) -> list[str]:
        return complete(team.session, line)

    assert offered("/re") == ["/register ", "/rename ", "/reply "]
    assert offered("/qu") == ["/quit"]
    assert offered("/dm B") == ["ben"]
    assert offered("/room den ann b") == ["ben"]
    assert offered("/switch ") == ["'Release 2.0'", "team"]
    assert offered("/role ben ") == ["member", "admin", "owner"]
    assert offered("/help mem") == ["members"]
    assert offered("/dm ben x") == offered("/quit ") == offered("/foo ") == offered("/edit 4") == offered("hi ") == []
    assert offered("hello an") == ["ann"]
