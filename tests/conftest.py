"""Settings of the tools that all tests share; fixtures live beside the tests that use them."""

import os

from hypothesis import settings

settings.register_profile("default", deadline=None)  # a deadline measures the machine, not the code
settings.register_profile(
    "ci", parent=settings.get_profile("default"), derandomize=True, database=None, print_blob=True
)
settings.load_profile("ci" if "CI" in os.environ else "default")
