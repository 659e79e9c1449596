"""Transcripts of other chats, played into a channel.

`reports` is where it begins. `transcripts` reads lines into steps, `replays` lets them happen, and `comparisons` finds
out how much of a transcript a log has.
"""
