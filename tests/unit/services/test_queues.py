"""What waits for its transaction, and whose turn it is."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from hubbub.domain.events import Event
from hubbub.domain.ids import Millis, RoomId, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.texts import MAX_TEXT
from hubbub.services.changes import Answer, Change, Founding
from hubbub.services.queues import MAX_BATCH, MAX_BATCH_TEXT, Queue, Waiting
from tests.unit.services.chats import ANN, BOB, CYD, DAN

ROOM = RoomId(1)


def nothing(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
    return ()


def nobody(answer: Answer) -> None:
    raise AssertionError("nothing is answered here")


def waiting(user_id: UserId, text: str = "") -> Waiting:
    return Waiting(Change(ROOM, user_id, nothing, text=text), nobody)


def by_user() -> Queue:
    return Queue(lambda change: change.user_id)


def filled(*some: tuple[UserId, int], text: str = "") -> Queue:
    """Of each of these users so many changes, one user after the other."""
    queue = by_user()
    for user_id, count in some:
        for _ in range(count):
            queue.add(waiting(user_id, text))
    return queue


def users(taken: list[Waiting]) -> list[UserId]:
    return [one.change.user_id for one in taken]


def test_what_fits_goes_in_the_order_in_which_it_was_submitted() -> None:
    queue = filled((ANN, 3), (BOB, 1), (ANN, 2), (CYD, 1))
    assert users(queue.take(MAX_BATCH)) == [ANN, ANN, ANN, BOB, ANN, ANN, CYD]
    assert not queue


def test_of_what_does_not_fit_each_user_has_a_turn() -> None:
    queue = filled((ANN, 5), (BOB, 2), (CYD, 1))
    assert users(queue.take(4)) == [ANN, BOB, CYD, ANN]
    assert users(queue.take(4)) == [BOB, ANN, ANN, ANN]
    assert not queue


def test_who_has_little_to_say_is_in_the_next_batch_however_much_others_have() -> None:
    queue = filled((ANN, 20 * MAX_BATCH), (BOB, 20 * MAX_BATCH))
    queue.take(MAX_BATCH)
    for _ in range(3):
        queue.add(waiting(CYD))
    assert users(queue.take(MAX_BATCH)).count(CYD) == 3


def test_it_is_so_with_long_texts_too() -> None:
    queue = filled((ANN, 1000), (BOB, 1000), text="x" * MAX_TEXT)
    queue.take(MAX_BATCH)
    queue.add(waiting(CYD, "hi"))
    taken = queue.take(MAX_BATCH)
    assert CYD in users(taken)
    assert sum(len(one.change.text) for one in taken) <= MAX_BATCH_TEXT


def test_the_size_of_a_text_is_its_bytes() -> None:
    text = "\U0001f33f" * (MAX_BATCH_TEXT // 8)  # of four bytes each
    assert [len(filled((ANN, count), text=text).take(MAX_BATCH)) for count in (2, 3)] == [2, 2]


def test_who_comes_again_does_not_overtake_who_had_no_turn_yet() -> None:
    queue = filled((ANN, 9), (BOB, 9), (CYD, 9), (DAN, 9))
    assert users(queue.take(2)) == [ANN, BOB]
    queue.add(waiting(ANN))
    assert users(queue.take(2)) == [CYD, DAN]


def test_a_change_that_is_larger_than_a_batch_goes_alone() -> None:
    queue = by_user()
    for _ in range(2):
        queue.add(waiting(ANN, "x" * (MAX_BATCH_TEXT + 1)))
    assert [len(queue.take(MAX_BATCH)) for _ in range(2)] == [1, 1]
    assert not queue


def test_a_founding_has_its_turn_too() -> None:
    queue = filled((ANN, 9))
    queue.add(Waiting(Founding(BOB, nothing), nobody))
    assert users(queue.take(2)) == [ANN, BOB]


def test_what_is_put_back_comes_first() -> None:
    queue = filled((ANN, 4), (BOB, 2), (CYD, 2))
    taken = queue.take(4)  # Ann, Bob, Cyd, Ann
    queue.put_back(taken)
    assert queue.take(3) == taken[:3]
    queue.add(waiting(DAN))
    assert users(queue.take(9)) == [ANN, BOB, CYD, DAN, ANN, ANN]


@dataclass(frozen=True)
class Step:
    kind: str
    user_id: UserId
    count: int


STEPS = st.builds(
    Step,
    kind=st.sampled_from(["add", "add", "add long", "take", "put back", "remove"]),
    user_id=st.sampled_from([ANN, BOB, CYD]),
    count=st.integers(1, 80),
)


@given(st.lists(STEPS, max_size=20))
def test_each_user_is_served_in_order_and_nothing_is_lost_or_doubled(steps: list[Step]) -> None:
    queue, submitted, served, taken = by_user(), list[Waiting](), list[Waiting](), list[Waiting]()
    for step in steps:
        if step.kind.startswith("add"):
            some = [waiting(step.user_id, "x" * MAX_TEXT * (step.kind == "add long")) for _ in range(step.count)]
            submitted += some
            for one in some:
                queue.add(one)
        elif step.kind == "take" and queue:
            served += taken
            taken = queue.take(step.count)
            assert 1 <= len(taken) <= step.count
        elif step.kind == "put back":
            queue.put_back(taken)
            taken = []
        elif step.kind == "remove":
            gone = queue.remove(lambda change, user_id=step.user_id: change.user_id == user_id)  # type: ignore[misc]
            assert set(users(gone)) <= {step.user_id}
            submitted = [one for one in submitted if one not in gone]
    served += taken
    while queue:
        served += queue.take(MAX_BATCH)
    assert len(served) == len(submitted)
    for user_id in (ANN, BOB, CYD):
        in_order = [one for one in submitted if one.change.user_id == user_id]
        assert [one for one in served if one.change.user_id == user_id] == in_order


def test_what_is_removed_comes_in_its_order() -> None:
    queue = filled((ANN, 4), (BOB, 4))
    mine = [waiting(CYD) for _ in range(4)]
    for one in mine[:3]:
        queue.add(one)
    queue.take(3)
    queue.add(mine[3])
    assert queue.remove(lambda change: change.user_id == CYD) == mine[1:]
    assert CYD not in users(queue.take(MAX_BATCH))
