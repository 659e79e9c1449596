"""The live side: from committed events to sockets, and from sockets to services.

Knows the services and the wire; knows nothing of HTTP, ASGI or uvicorn.
"""
