"""HTTP: the REST routes, the socket endpoint, what is served to browsers. The only package that imports FastAPI.

A route parses, calls one service and shapes the answer. It compares no roles and knows of no storage.
"""
