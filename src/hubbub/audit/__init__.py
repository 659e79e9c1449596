"""The auditor: does a chat keep what it promises?

- `store` reads a database by itself: is each log complete, and is everything else what follows from it?
- `live` talks to a running server with many clients, and compares what each of them received with the log.

It looks from outside: through the SDK, and through the tables as they are documented. It repairs nothing.
"""
