"""What a chat does: use cases over the domain, the ports they need, and the journal.

Knows nothing of HTTP, sockets, SQL or any third-party package.
"""
