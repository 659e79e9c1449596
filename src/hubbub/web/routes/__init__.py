"""The routes, by noun: parse, one service call, shape."""
