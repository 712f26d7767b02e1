"""Settings of all tests. This file's folder is on the path, so that tests can import builders.py."""

import os

from hypothesis import Phase, settings

# A first example pays for imports; a slow machine is no failure. The same examples every time, so that a change is
# what makes a test fail; "explore" looks for others.
settings.register_profile("quick", deadline=None, derandomize=True, database=None, max_examples=20)
settings.register_profile("thorough", deadline=None, derandomize=True, database=None, max_examples=100)
settings.register_profile("explore", deadline=None, max_examples=1000)
# A failure is enough, the smallest example of it nobody reads.
settings.register_profile(
    "mutation", settings.get_profile("quick"), phases=(Phase.explicit, Phase.generate), max_examples=20
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "thorough"))

# Small outcomes, simulated once, for every room that is about outcomes.
pytest_plugins = ["small_systems"]
