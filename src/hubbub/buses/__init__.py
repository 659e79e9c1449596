"""Buses: carry bytes from one process to all others. They know nothing of chat.

Every bus keeps the promises that `tests/contract/test_bus.py` holds:

- what one bus publishes reaches, at most once, each *other* bus that subscribed to the subject before;
- what one bus publishes on one subject arrives in the order in which it was published;
- `publish` never waits and never fails: a message may be lost, and those who need it look for what is missing;
- `subscribe` has `receive` called, on the event loop, with what others publish from now on; `settled` returns when all
  of them know, or when they can't be reached; `unsubscribe` ends all subscriptions of a subject;
- what `when_restored` is given is called whenever messages were or may have been lost, and flow again;
- a bus that is closed receives nothing more, not even what is on its way.
"""
