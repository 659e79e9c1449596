import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from hubbub.wire.codec import decode_client, decode_server, encode
from tests.unit.wire.strategies import CLIENT_FRAMES, SERVER_FRAMES, frames

SERVER_TYPES = "hello joined events event ack page signal ping behind reset error bye"
CLIENT_TYPES = "auth join sync leave send edit delete typing read presence history pong"


def tags(classes: tuple[type[Struct], ...]) -> list[str]:
    return [str(cls.__struct_config__.tag) for cls in classes]


def test_the_frame_types_are_those_of_the_protocol() -> None:
    assert tags(CLIENT_FRAMES) == CLIENT_TYPES.split()
    assert tags(SERVER_FRAMES) == SERVER_TYPES.split()


@given(st.sampled_from(CLIENT_FRAMES).flatmap(frames))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_every_client_frame_comes_out_as_it_went_in(frame: Any) -> None:
    assert decode_client(encode(frame)) == frame
    assert decode_client(encode(frame).decode()) == frame


@given(st.sampled_from(SERVER_FRAMES).flatmap(frames))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_every_server_frame_comes_out_as_it_went_in(frame: Any) -> None:
    assert decode_server(encode(frame)) == frame
    assert decode_server(encode(frame).decode()) == frame


@given(st.sampled_from(CLIENT_FRAMES + SERVER_FRAMES).flatmap(frames))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_absent_fields_do_not_go_over_the_wire(frame: Any) -> None:
    fields = json.loads(encode(frame))
    assert {name for name, value in fields.items() if value is None} <= {"replay"}


@given(st.sampled_from(CLIENT_FRAMES).flatmap(frames), st.dictionaries(st.text(min_size=30), st.integers()))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_unknown_fields_are_ignored(frame: Any, unknown: dict[str, int]) -> None:
    assert decode_client(json.dumps(unknown | json.loads(encode(frame)))) == frame


# The examples of the protocol's page.
@pytest.mark.parametrize(
    "text",
    [
        (
            '{"type":"hello","protocol":1,"connection_id":"c7f3","user":{"id":2,"username":"ann"},"epoch":"k3v9",'
            '"heartbeat_ms":25000,"limits":{"frame":65536,"inflight":64}}'
        ),
        (
            '{"type":"joined","ref":1,"room_id":9,"epoch":"k3v9","head":414,"base":0,"read_seq":410,"role":"member",'
            '"replay":[413,414]}'
        ),
        (
            '{"type":"events","ref":1,"room_id":9,"more":false,"events":[{"seq":413,"kind":"message.posted","user_id":3,'
            '"at":"2026-11-22T09:00:00.000Z","client_id":"b1","message":{"room_id":9,"seq":413,"user_id":3,'
            '"text":"hi","at":"2026-11-22T09:00:00.000Z"}},{"seq":414,"kind":"message.edited","user_id":3,'
            '"at":"2026-11-22T09:00:00.500Z","target":413,"text":"hi!"}]}'
        ),
        '{"type":"ack","ref":2,"room_id":9,"client_id":"a1","seq":415,"at":"2026-11-22T09:00:01.000Z"}',
        '{"type":"error","ref":3,"code":"client_id_reused","message":"…","retryable":false}',
    ],
)
def test_the_servers_examples_are_what_this_codec_reads_and_writes(text: str) -> None:
    assert json.loads(encode(decode_server(text))) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"auth","token":"eyJ"}',
        '{"type":"join","ref":1,"room_id":9,"after":412,"epoch":"k3v9"}',
        '{"type":"sync","ref":1,"rooms":{"9":412,"10":0}}',
        '{"type":"send","ref":2,"room_id":9,"client_id":"a1","text":"hello"}',
    ],
)
def test_the_clients_examples_are_what_this_codec_reads_and_writes(text: str) -> None:
    assert json.loads(encode(decode_client(text))) == json.loads(text)
