"""Where everything durable lives: implementations of `hubbub.services.ports.Store`.

`memory` keeps plain dicts, for tests, the simulator and reading; `sql` keeps a database. One contract suite
(`tests/contract/test_store.py`) runs on all of them. No store decides anything: that is the domain's.
"""
