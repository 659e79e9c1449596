"""The people on this server, as others see them, and what each may change about themselves."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from hubbub.domain.errors import Conflict, Forbidden, NotFound
from hubbub.domain.ids import Millis, UserId
from hubbub.domain.permissions import can_find_disabled, can_see_profile_email
from hubbub.domain.texts import check_email, check_name, check_query
from hubbub.domain.users import Identity, User
from hubbub.services.credentials import Credentials, require_unchanged
from hubbub.services.cursors import decode_cursor, encode_cursor, page_of
from hubbub.services.display_names import require_own_name
from hubbub.services.imports import require_not_imported
from hubbub.services.ports import Store, Tx
from hubbub.services.searches import Searches


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A user as one certain viewer may see them."""

    id: UserId
    username: str
    display_name: str
    email: str | None  # None = not for this viewer
    is_admin: bool
    created_at: Millis
    disabled_at: Millis | None


class UserDirectory:
    """Use cases about profiles. Everybody who is signed in sees everybody's, but for the e-mail address."""

    def __init__(self, store: Store, credentials: Credentials, searches: Searches) -> None:
        self._store = store
        self._credentials = credentials
        self._searches = searches

    async def get(self, viewer: Identity, user_id: UserId) -> Profile:
        """One profile. Raise NotFound."""
        user = await self._store.read(lambda tx: tx.users.get(user_id))
        if user is None:
            raise no_user(user_id)
        return profile(viewer, user)

    async def named(self, viewer: Identity, user_ids: Collection[UserId]) -> list[Profile]:
        """The profiles of these people, by id; who does not exist is left out."""
        found = await self._store.read(lambda tx: tx.users.get_many(user_ids))
        return [profile(viewer, found[user_id]) for user_id in sorted(found)]

    async def search(
        self, viewer: Identity, query: str = "", *, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[Profile], str | None]:
        """Users whose username or display name contains `query`, by username, and the cursor of the next page.

        `limit` is 1..200; an empty query finds everybody. Disabled accounts are found by administrators alone.
        Raise Invalid, RateLimited, Unavailable.
        """
        check_query(query)
        after = None if cursor is None else decode_cursor(cursor, str)[0]
        with_disabled = can_find_disabled(viewer.is_admin)
        found = await self._searches.read(
            viewer.user_id,
            lambda tx: tx.users.search(query, after=after, limit=limit + 1, with_disabled=with_disabled),
        )
        page, next_cursor = page_of(found, limit, lambda user: encode_cursor(user.username))
        return [profile(viewer, user) for user in page], next_cursor

    async def change_profile(
        self,
        identity: Identity,
        *,
        display_name: str | None = None,
        email: str | None = None,
        password: str | None = None,
    ) -> Profile:
        """Change what is given. Another e-mail address needs the password: it is a name to sign in with.

        Raise Invalid, Forbidden, Conflict, RateLimited, Unavailable.
        """
        if display_name is not None:
            check_name(display_name, field="display_name")
        if email is not None:
            check_email(email)
        user = await self._store.read(lambda tx: tx.users.get(identity.user_id))
        if user is None:
            raise no_user(identity.user_id)
        if email is not None and email != user.email:
            require_not_imported(email)
            if password is None:
                raise Forbidden("another e-mail address needs your password", field="password")
            user = await self._credentials.confirm(identity, password, field="password")

        def change(tx: Tx) -> User:
            current = require_unchanged(tx, user)
            changed = replace(
                current,
                display_name=current.display_name if display_name is None else display_name,
                email=current.email if email is None else email,
            )
            if changed.display_name != current.display_name:
                require_own_name(tx, changed)
            if changed != current:
                tx.users.update(changed)
            return changed

        try:
            return profile(identity, await self._store.write(change))
        except Conflict:
            raise name_taken() from None


def profile(viewer: Identity, user: User) -> Profile:
    """This user, as far as the viewer may see them."""
    may_see_email = can_see_profile_email(viewer.user_id, viewer.is_admin, user.id)
    return Profile(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        email=user.email if may_see_email else None,
        is_admin=user.is_admin,
        created_at=user.created_at,
        disabled_at=user.disabled_at,
    )


def name_taken() -> Conflict:
    """Which of the two it is would tell a stranger whose e-mail address has an account here."""
    return Conflict("this username or e-mail address is taken")


def no_user(named: UserId | str) -> NotFound:
    return NotFound(f"there is no user {named}")
