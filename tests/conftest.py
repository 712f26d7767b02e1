"""Settings of all tests. This file's folder is on the path, so that tests can import builders.py."""

from hypothesis import settings

# A first example pays for imports; a slow machine is no failure.
settings.register_profile("scaletax", deadline=None)
settings.load_profile("scaletax")
