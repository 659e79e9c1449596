"""People and their sessions."""

from dataclasses import dataclass, field

from hubbub.domain.ids import Millis, SessionId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person with an account. The username is unique whatever its case; so is the e-mail address."""

    id: UserId
    username: str
    email: str
    display_name: str
    password_hash: str = field(repr=False)
    is_admin: bool = False
    created_at: Millis
    disabled_at: Millis | None = None  # since when nobody may sign in to it; None = somebody may


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One device that is signed in. Each refresh makes the next `generation`; a token of an earlier one is a theft.

    It is none when the refresh that made this generation is repeated: see `was_made_by`.
    """

    id: SessionId
    user_id: UserId
    label: str  # what the device called itself, for the list of sessions
    generation: int
    created_at: Millis
    used_at: Millis
    expires_at: Millis
    attempt: bytes | None = field(default=None, repr=False)  # SHA-256 of the word that came with the last refresh

    def was_made_by(self, attempt: bytes | None, generation: int) -> bool:
        """Did the refresh with this attempt, of a token of this `generation`, make the session what it is?"""
        return attempt is not None and (self.attempt, self.generation) == (attempt, generation + 1)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking: the verified holder of a session."""

    user_id: UserId
    username: str
    display_name: str
    session_id: SessionId
    is_admin: bool
    expires_at: Millis  # of the credential that was shown
