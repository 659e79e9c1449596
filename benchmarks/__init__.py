"""What hubbub costs: each module is a command that measures one thing beside a baseline, in one run.

    ./dev bench writes

Wall-clock figures of a shared machine wander by a third; the ratios, and the CPU time for each operation, are steadier.
"""
