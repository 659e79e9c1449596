"""Buses: carry bytes from one process to all others. They know nothing of chat.

Every bus keeps the promises that `tests/contract/test_bus.py` holds:

- what one bus publishes reaches, at most once, each *other* bus that subscribed to the subject before;
- what one bus publishes on one subject arrives in the order in which it was published;
- `publish` never waits and never fails: a message may be lost, and those who need it look for what is missing.
"""
