"""What people may be called: whatever they like, but not what another account is known by."""

from hubbub.domain.errors import Invalid
from hubbub.domain.users import User
from hubbub.services.ports import Tx


def holder(tx: Tx, name: str) -> User | None:
    """The account whose username this is, compared as usernames are."""
    found = tx.users.find(name)
    if found is None or found.username.lower() != name.lower():  # whose e-mail address it is is told to nobody
        return None
    return found


def require_own_name(tx: Tx, user: User) -> None:
    """Raise Invalid when the display name of this user would let them pass for somebody else."""
    other = holder(tx, user.display_name)
    if other is not None and other.id != user.id:
        raise Invalid("display_name must not be the username of another account", field="display_name")
