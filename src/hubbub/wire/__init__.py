"""What goes over the wire: frames, their codec, error and close codes, limits, and the client's arithmetic.

Shared by server and SDK. Pure: no I/O, no asyncio, and no clock; who calls it brings the bytes and the time.
"""
