import pytest

from hubbub.domain.errors import Invalid, Unauthenticated
from hubbub.domain.events import MemberJoined, MemberLeft, MessagePosted, RoomKind
from hubbub.domain.ids import Millis, Seq
from hubbub.services.changes import Answer, Draft, Outcome
from hubbub.services.imports import UNUSABLE_HASH, ImportedPerson, Imports
from hubbub.services.journal import Journal
from hubbub.services.logs import Logs
from hubbub.services.policies import AccountsPolicy
from hubbub.services.rooms import Rooms
from hubbub.simulator.audience import Nobody
from tests.unit.services.people import PASSWORD, People

ANN = ImportedPerson("1234", "ann", "Ann from elsewhere")
THEN = Millis(1_000_000_000_000)


@pytest.fixture
def people() -> People:
    return People(AccountsPolicy())


@pytest.fixture
def imports(people: People) -> Imports:
    return Imports(people.store, Journal(people.store, people.clock, Nobody()), people.clock)


async def test_the_same_identity_is_the_same_user_in_every_run(imports: Imports) -> None:
    (first,) = await imports.users([ANN])
    (second, other) = await imports.users([ImportedPerson("1234", "anna", "Anna"), ImportedPerson("9", "ben", "Ben")])

    assert second == first
    assert (first.username, first.display_name, first.email) == ("ann", "Ann from elsewhere", "1234@import.invalid")
    assert other.id != first.id


async def test_a_username_that_is_taken_gets_a_number_whatever_its_case(imports: Imports) -> None:
    long = "x" * 32
    wanted = ["ann", "Ann", "ANN", long, long]

    users = await imports.users([ImportedPerson(str(n), name, name) for n, name in enumerate(wanted)])

    assert [user.username for user in users] == ["ann", "Ann-2", "ANN-3", long, "x" * 30 + "-2"]


async def test_who_is_called_as_another_account_is_shown_under_a_username_of_their_own(imports: Imports) -> None:
    first, second = await imports.users([ImportedPerson("1", "ann", "Ann"), ImportedPerson("2", "ann", "ANN")])

    assert (first.username, first.display_name) == ("ann", "Ann")
    assert (second.username, second.display_name) == ("ann-2", "ann-2")


async def test_somebody_who_registered_is_left_alone(people: People, imports: Imports) -> None:
    registered = await people.register("ann")

    (imported,) = await imports.users([ANN])

    assert imported.id != registered.id
    assert imported.username == "ann-2"


async def test_an_import_goes_on_once_somebody_signs_in_to_an_account_of_it(people: People, imports: Imports) -> None:
    (ann,) = await imports.users([ANN])
    await people.administration.reset_password(ann.id, PASSWORD)
    identity = await people.sign_in("1234@import.invalid")
    await people.directory.change_profile(identity, display_name="Ann", email=ann.email)

    assert [user.id for user in await imports.users([ANN])] == [ann.id]


@pytest.mark.parametrize("email", ["1234@import.invalid", "5678@Import.INVALID"])
async def test_nobody_takes_the_address_of_an_import(people: People, email: str) -> None:
    with pytest.raises(Invalid) as refused:
        await people.accounts.register("mallory", email, PASSWORD)
    assert refused.value.field == "email"
    mallory = await people.register("mallory")
    identity = await people.sign_in("mallory")
    with pytest.raises(Invalid) as refused:
        await people.directory.change_profile(identity, email=email, password=PASSWORD)
    assert refused.value.field == "email"
    assert await people.stored(mallory) == mallory


@pytest.mark.parametrize("password", [UNUSABLE_HASH, PASSWORD, "!!!!!!!!"])
async def test_nobody_signs_in_as_an_imported_user(people: People, imports: Imports, password: str) -> None:
    await imports.users([ANN])

    with pytest.raises(Unauthenticated, match="wrong username"):
        await people.login("ann", password)


@pytest.mark.parametrize(
    "person",
    [ImportedPerson("1", "a", "Ann"), ImportedPerson("1", "ann", " Ann"), ImportedPerson("1 2", "ann", "Ann")],
)
async def test_an_import_keeps_the_rules_and_is_all_or_nothing(
    people: People, imports: Imports, person: ImportedPerson
) -> None:
    with pytest.raises(Invalid):
        await imports.users([ANN, person])

    assert await people.store.read(lambda tx: tx.users.find("ann")) is None


async def test_what_is_imported_carries_the_time_at_which_it_happened(people: People) -> None:
    journal = Journal(people.store, people.clock, Nobody())
    imports = Imports(people.store, journal, people.clock)
    owner = await people.register("owner")
    (ann,) = await imports.users([ANN])
    room = await Rooms(people.store, journal).create(owner.id, RoomKind.CHANNEL, name="elsewhere")
    answers: list[Answer] = []

    imports.submit_join(ann.id, room.room_id, THEN, answers.append)
    imports.submit_post(ann.id, room.room_id, Draft("hello", "line-1"), Millis(THEN + 1), answers.append)
    imports.submit_post(ann.id, room.room_id, Draft("hello", "line-1"), Millis(THEN + 2), answers.append)
    imports.submit_leave(ann.id, room.room_id, Millis(THEN + 3), answers.append)
    await journal.close()

    assert [isinstance(answer, Outcome) and answer.duplicate for answer in answers] == [False, False, True, False]
    page = await Logs(people.store).events(owner.id, room.room_id, after=Seq(2))
    assert [(type(event), event.at - THEN) for event in page.items] == [
        (MemberJoined, 0),
        (MessagePosted, 1),
        (MemberLeft, 3),
    ]
