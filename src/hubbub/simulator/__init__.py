"""The chat in a terminal, without a server: the real services over a database, in one process and with no sockets.

- `interactive`: somebody types, as one person or as several;
- `scenarios`: a file says what people do, and what they must see then;
- `replays`: a transcript of another chat is played into a channel;
- `deterministic`: generated runs with faults, each a pure function of its seed.

They must not know of any web framework, and cannot tell one database from another: who starts them passes the store.
"""
