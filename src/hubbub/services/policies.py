"""How long and how often: what the owner of a server may set about its use cases, as plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsPolicy:
    access_ttl: int = 15 * 60  # seconds
    refresh_ttl: int = 30 * 24 * 60 * 60  # seconds, from the last refresh on
    ticket_ttl: int = 30  # seconds
    login_rate: int = 20  # attempts a minute from each address, and ten times as many for each login; 0 = no limit
    max_sessions: int = 100  # of one user; one more ends the one that was used the longest ago
