"""Deterministic simulation: several nodes, their clients and a hostile world in one thread, in virtual time.

A run is a pure function of its plan (`plan`): the same plan makes the same run, byte for byte, in every process and on
every Python. What runs are the real services, the real live side and the real clients; only the network, the disk, the
clock and the event loop are made here. Read in this order:

- `loop`, `guard`: time and order are ours, and whoever asks for other time or other randomness is stopped.
- `plan`: seed -> what users do and what goes wrong, as data.
- `stores`, `pipes`, `buses`, `nodes`: the world's parts, with their faults. `world` puts them together.
- `clients`, `devices`: who uses it. `lossy`: a server that breaks every promise it may break.
- `edges`, `oracle`: what must hold, during the run and once it has come to rest.
- `shrink`, `run`: from a failing seed to the few operations that make it fail.
"""
