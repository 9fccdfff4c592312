"""What all tests share."""

from hypothesis import settings

# Hypothesis' own profile for such machines: the same examples in every run, and no deadline where others are at work.
settings.load_profile("ci")
