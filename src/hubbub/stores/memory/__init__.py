"""The in-memory database: create, read, update, delete and search over users, rooms and messages.

It is the shortest complete store, with the promises of the SQL ones except that nothing outlives the process: a
transaction that fails is rolled back exactly. Read it in this order:

- `undo`: a dict that knows how to take back what was done to it. Rollback is no more than that.
- `tables`: which dicts there are. A room *is* its `ChatRoom`, the fold of its log.
- `users`, `sessions`, `rooms`, `members`, `log`, `messages`, `reads`: what can be done, by noun.
- `store`: transactions.

Standard library only, and no thread: a transaction runs at once, in the coroutine that asked for it.

    store = MemoryStore()
    ann = await store.write(lambda tx: tx.users.add(username="ann", …))
    found = await store.read(lambda tx: tx.users.find("ANN"))
"""

from hubbub.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
