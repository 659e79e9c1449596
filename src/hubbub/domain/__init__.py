"""What a chat is: users, rooms, messages, events, permissions, errors.

Standard library only, and no `await`: everything here is a plain value or a pure function, except `ChatRoom`, the fold
of a room's log. Nothing in this package knows of storage, sockets or time; who calls it brings ids and the clock.
"""
