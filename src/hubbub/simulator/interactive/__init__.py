"""A conversation: somebody types what people do.

`conversations` is where it begins. A `sessions.Session` knows who acts and where, `commands` are what can be typed,
and a `screens.Screen` is whom it talks to: lines of a pipe, or the terminal of `terminals`.
"""
