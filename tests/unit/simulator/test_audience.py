from hubbub.domain.events import MemberJoined, MemberLeft, RoomDeleted
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.simulator.audience import Audience, Delivery

ROOM, ANN, BEN = RoomId(1), UserId(1), UserId(2)
BEN_JOINED = MemberJoined(ROOM, Seq(3), ANN, Millis(0), BEN, Role.MEMBER)
BEN_LEFT = MemberLeft(ROOM, Seq(4), ANN, Millis(0), BEN)
DELETED = RoomDeleted(ROOM, Seq(5), ANN, Millis(0))


def test_those_who_are_present_are_told_from_their_joining_to_their_leaving() -> None:
    audience = Audience()
    audience.enter(BEN)
    audience.enter(ANN, [ROOM])

    audience.publish([BEN_JOINED, BEN_LEFT, DELETED])
    audience.publish([BEN_LEFT])

    assert audience.take() == [
        Delivery(BEN_JOINED, (BEN, ANN)),
        Delivery(BEN_LEFT, (BEN, ANN)),
        Delivery(DELETED, (ANN,)),
        Delivery(BEN_LEFT, ()),
    ]
    assert audience.take() == []


def test_nobody_is_told_who_is_not_present() -> None:
    audience = Audience()

    audience.publish([BEN_JOINED, BEN_LEFT])

    assert audience.take() == [Delivery(BEN_JOINED, ()), Delivery(BEN_LEFT, ())]
