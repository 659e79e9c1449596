"""All services over one store: what the server, the simulator and the tests put together in the same way."""

from hubbub.services.accounts import Accounts
from hubbub.services.administration import Administration
from hubbub.services.channels import ChannelDirectory
from hubbub.services.credentials import Credentials
from hubbub.services.journal import Journal
from hubbub.services.logs import Logs
from hubbub.services.messages import Messages
from hubbub.services.peers import Peers
from hubbub.services.policies import AccountsPolicy
from hubbub.services.ports import Clock, Fanout, PasswordHasher, Store, Tokens
from hubbub.services.reads import Reads
from hubbub.services.rooms import Rooms
from hubbub.services.searches import Searches
from hubbub.services.users import UserDirectory


class Chat:
    """The use cases of a chat server, by noun. It owns nothing but the journal: who opened the store closes it."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        fanout: Fanout,
        hasher: PasswordHasher,
        tokens: Tokens,
        policy: AccountsPolicy | None = None,
        lanes: int = 1,
    ) -> None:
        """`lanes`: as in `Journal`."""
        policy = policy or AccountsPolicy()
        credentials = Credentials(store, hasher, clock, policy)
        searches = Searches(store)
        self.journal = Journal(store, clock, fanout, lanes=lanes)
        self.accounts = Accounts(store, credentials, tokens, clock, fanout, policy)
        self.administration = Administration(store, credentials, clock, fanout)
        self.users = UserDirectory(store, credentials, searches)
        self.channels = ChannelDirectory(searches)
        self.rooms = Rooms(store, self.journal)
        self.messages = Messages(store, self.journal)
        self.logs = Logs(store)
        self.reads = Reads(store)
        self.peers = Peers(store)

    async def close(self) -> None:
        """Refuse new changes and wait until those that were taken are on disk."""
        await self.journal.close()
        await self.reads.close()
