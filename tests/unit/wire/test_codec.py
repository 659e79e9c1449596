import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.domain.errors import BadFrame, ChatError, Invalid, TooLarge, UnknownType
from hubbub.domain.ids import MAX_ID
from hubbub.wire.codec import decode_client, decode_server, encode, ref_of
from hubbub.wire.frames import Edit, Hello, LimitsBody, Pong, Send, Sync, UserBody
from hubbub.wire.limits import MAX_FRAME
from tests.unit.wire.strategies import CLIENT_FRAMES, SERVER_FRAMES, frames

SECRET = "hunter2"  # stands in every hostile frame, and may stand in no answer

NOT_FRAMES: list[str | bytes] = [
    "",
    " ",
    SECRET,
    f'"{SECRET}"',
    f'["{SECRET}"]',
    "null",
    "true",
    "42",
    "-",
    "NaN",
    "{}",
    f'{{"{SECRET}":1}}',
    f'{{"type":5,"{SECRET}":1}}',
    f'{{"type":null,"{SECRET}":1}}',
    f'{{"type":["send"],"{SECRET}":1}}',
    f'{{"type":"send","text":"{SECRET}"',
    f'{{"type":"send","text":"{SECRET}",}}',
    f'{{"type":"send","text":"{SECRET}"}}{{}}',
    f'{{"type":"send","text":"{SECRET}"}}{SECRET}',
    f"{{'type':'send','text':'{SECRET}'}}",
    f'\ufeff{{"type":"send","text":"{SECRET}"}}',
    f'{{"type":"send","text":"{SECRET}","x":NaN}}',
    f'{{"type":"send","text":"{SECRET}","x":-Infinity}}',
    f'{{"type":"send","text":"{SECRET}","x":Infinity}}',
    f'{{"type":"send","text":"{SECRET}","ref":NaN}}',
    f'{{"type":"send","text":"{SECRET}\\ud800"}}',
    f'{{"type":"send","text":"{SECRET}\\udc00"}}',
    f'{{"type":"send","text":"{SECRET}\\ud800\\ud800"}}',
    f'{{"type":"send","text":"{SECRET}","x":"\\ud800"}}',
    f'{{"type":"send","text":"{SECRET}","\\udfff":1}}',
    f'{{"type":"send","text":"{SECRET}\ud800"}}',
    f'{{"type":"send","text":"{SECRET}","x":"\udfff"}}',
    f'{{"type":"send","text":"{SECRET}\n"}}',
    f'{{"type":"send","text":"{SECRET}\\x"}}',
    b'{"type":"send","text":"\xff"}',
    b'{"type":"send","text":"\xc0\x80"}',
    b'{"type":"send","text":"\xed\xa0\x80"}',
    b'{"type":"send","text":"hi","x":"\xff"}',
    b'{"type":"send","text":"hi","\xff":1}',
    '{"type":"send","text":"hi"}'.encode("utf-16"),
    b"\x00" * 100,
    "[" * 1_100 + "]" * 1_100,
    '{"type":"send","text":"hi","x":' + "[" * 60_000,
    '{"type":"send","text":"hi","x":' + '{"a":' * 10_000,
    '{"x":' * 10_000 + "1" + "}" * 10_000,
]


@pytest.mark.parametrize("data", NOT_FRAMES, ids=range(len(NOT_FRAMES)))
def test_what_is_not_a_frame_is_a_bad_frame(data: str | bytes) -> None:
    with pytest.raises(BadFrame) as caught:
        decode_client(data)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("kind", ["", SECRET, "SEND", "send ", "react", "pin", "hello", "error"])
def test_a_type_that_no_client_may_send_is_unknown_and_not_repeated(kind: str) -> None:
    with pytest.raises(UnknownType) as caught:
        decode_client(json.dumps({"type": kind, "ref": 1, "text": "hi"}))
    assert str(caught.value) == "there is no such type of frame"


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ('{"type":"send"}', "text", "text is missing"),
        ('{"type":"send","text":5}', "text", "text: expected str, got int"),
        ('{"type":"send","text":null}', "text", "text: expected str, got null"),
        ('{"type":"send","text":' + "[" * 1_100 + "]" * 1_100 + "}", "text", "text: expected str, got array"),
        ('{"type":"send","text":"hunter2","ref":"hunter2"}', "ref", "ref: expected int | null, got str"),
        ('{"type":"send","text":"hi","ref":true}', "ref", "ref: expected int | null, got bool"),
        ('{"type":"send","text":"hi","ref":1.5}', "ref", "ref: expected int | null, got float"),
        ('{"type":"send","text":"hi","ref":1e999}', "ref", "ref: this value is not allowed"),
        ('{"type":"send","text":"hi","ref":%s}' % ("9" * 5_000), "ref", "ref: this value is not allowed"),
        ('{"type":"send","text":"hi","ref":9007199254740992}', "ref", "ref: expected int <= 9007199254740991"),
        ('{"type":"send","text":"hi","ref":-9007199254740992}', "ref", "ref: expected int >= -9007199254740991"),
        ('{"type":"send","text":"hi","room_id":-1}', "room_id", "room_id: expected int >= 0"),
        ('{"type":"join","room_id":1,"after":-1}', "after", "after: expected int >= 0"),
        ('{"type":"sync","rooms":{"hunter2":1}}', "rooms", "rooms: expected int, got str"),
        ('{"type":"sync","rooms":{"-1":1}}', "rooms", "rooms: expected int >= 0"),
        ('{"type":"sync","rooms":{"%s":1}}' % ("9" * 5_000), "rooms", "rooms: this value is not allowed"),
        ('{"type":"sync","rooms":{"1":"hunter2"}}', "rooms[...]", "rooms[...]: expected int, got str"),
        ('{"type":"history","room_id":1,"limit":0}', "limit", "limit: expected int >= 1"),
        ('{"type":"history","room_id":1,"limit":201}', "limit", "limit: expected int <= 200"),
        ('{"type":"presence","status":"hunter2"}', "status", "status: this value is not allowed"),
        ('{"type":"typing","on":"hunter2"}', "on", "on: expected bool, got str"),
    ],
)
def test_a_field_of_the_wrong_form_is_invalid_and_named(data: str, field: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode_client(data)
    assert (caught.value.code, caught.value.field, str(caught.value)) == ("invalid", field, message)


def test_a_field_inside_an_object_is_named_by_its_path() -> None:
    with pytest.raises(Invalid) as caught:
        decode_server('{"type":"events","room_id":9,"more":false,"events":[{"seq":1,"kind":"x","user_id":2}]}')
    assert caught.value.field == "events[0].at"


def test_the_last_of_two_members_with_the_same_name_counts() -> None:
    assert decode_client('{"type":"send","text":"one","text":"two"}') == Send(text="two")


def test_a_second_type_must_not_turn_one_frame_into_another() -> None:
    with pytest.raises(UnknownType):
        decode_client('{"type":"pong","n":1,"type":"leave"}')


def test_white_space_around_a_frame_and_escapes_in_it_are_json() -> None:
    assert decode_client(' {"\\u0074ype" : "send", "text": "\\ud83d\\ude00"}\n') == Send(text="😀")


@pytest.mark.parametrize("letter", ["x", "é", "😀"])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_the_limit_is_in_bytes_and_inclusive(letter: str, as_bytes: bool) -> None:
    def frame(size: int) -> str | bytes:
        room = size - len('{"type":"send","text":""}')
        text = letter * (room // len(letter.encode())) + "x" * (room % len(letter.encode()))
        data = f'{{"type":"send","text":"{text}"}}'
        assert len(data.encode()) == size
        return data.encode() if as_bytes else data

    decode_client(frame(MAX_FRAME))
    with pytest.raises(TooLarge, match="at most 65536 bytes"):
        decode_client(frame(MAX_FRAME + 1))
    decode_client(frame(100), max_bytes=100)
    with pytest.raises(TooLarge, match="at most 99 bytes"):
        decode_client(frame(100), max_bytes=99)


def test_a_servers_frame_may_be_of_any_size() -> None:
    hello = Hello(
        protocol=1,
        connection_id="c" * 2 * MAX_FRAME,
        user=UserBody(id=2, username="ann"),  # type: ignore[arg-type]
        epoch="k",
        heartbeat_ms=25_000,
        limits=LimitsBody(frame=MAX_FRAME, inflight=64),
    )
    assert decode_server(encode(hello)) == hello


def test_a_server_frame_of_a_newer_server_is_told_from_a_broken_one() -> None:
    with pytest.raises(UnknownType):
        decode_server('{"type":"celebrate"}')
    with pytest.raises(BadFrame):
        decode_server("{")


@pytest.mark.parametrize(
    ("data", "ref"),
    [
        ('{"type":"send","ref":7}', 7),
        ('{"type":"nonsense","ref":-7,"x":[1]}', -7),
        ('{"type":5,"ref":0}', 0),
        (b'{"ref":9007199254740991}', MAX_ID),
        ('{"type":"send","text":5,"ref":9007199254740992}', None),
        ('{"type":"send","ref":1e3}', None),
        ('{"type":"send","ref":true}', None),
        ('{"type":"send","ref":"7"}', None),
        ('{"type":"send"}', None),
        ('{"ref":7,"type":"send","text":"hi', None),
        ('{"ref":7,"x":' + "[" * 60_000, None),
        ("[7]", None),
        ("", None),
        (b'{"ref":7,"x":"\xff"}', None),
        ('{"ref":7,"x":"\ud800"}', None),
    ],
)
def test_the_ref_of_a_refused_frame_is_found_where_there_is_one(data: str | bytes, ref: int | None) -> None:
    with pytest.raises(ChatError):
        decode_client(data)
    assert ref_of(data) == ref


def check_hostile(data: str | bytes) -> None:
    """Only frames and ChatErrors come out, and what came in as a frame goes out as one."""
    for decode in (decode_client, decode_server):
        try:
            frame = decode(data)
        except Invalid:
            pass
        else:
            assert decode(encode(frame)) == frame
    assert ref_of(data) is None or isinstance(ref_of(data), int)


@given(st.binary(max_size=300) | st.text(st.characters(), max_size=300))
def test_nothing_but_refusals_comes_of_random_input(data: str | bytes) -> None:
    check_hostile(data)


@given(st.sampled_from(CLIENT_FRAMES + SERVER_FRAMES).flatmap(frames), st.data())
def test_nothing_but_refusals_comes_of_damaged_frames(frame: object, data: st.DataObject) -> None:
    raw = bytearray(encode(frame))  # type: ignore[arg-type]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not raw:
            break
    check_hostile(bytes(raw))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=5,
)
names = sorted({name for cls in CLIENT_FRAMES + SERVER_FRAMES for name in cls.__struct_fields__})
types = [str(cls.__struct_config__.tag) for cls in CLIENT_FRAMES + SERVER_FRAMES]


@given(st.sampled_from(types), st.dictionaries(st.sampled_from(names), values, max_size=6), st.booleans())
def test_nothing_but_refusals_comes_of_fields_of_any_form(kind: str, fields: dict[str, object], escaped: bool) -> None:
    check_hostile(json.dumps({"type": kind} | fields, ensure_ascii=escaped))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_arrives_exactly_as_it_was_sent(text: str) -> None:
    for data in (
        json.dumps({"type": "edit", "target": 1, "text": text}, ensure_ascii=escaped) for escaped in (True, False)
    ):
        assert decode_client(data) == Edit(target=1, text=text)  # type: ignore[arg-type]


def test_frames_are_plain_values() -> None:
    assert decode_client('{"type":"pong","n":3}') == Pong(n=3)
    assert decode_client('{"type":"sync","rooms":{"9":412}}') == Sync(rooms={9: 412})  # type: ignore[dict-item]


def test_what_is_not_json_is_refused_with_the_place() -> None:
    with pytest.raises(BadFrame) as caught:
        decode_client('{"type":"send","text":"hi","x":NaN}')
    assert str(caught.value) == "the frame is not JSON: invalid character (byte 31)"
