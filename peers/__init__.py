"""The frameworks' own tests, run with our adapters in the place of what they test: `make peers`.

Their tests come from the source packages that they publish, at the versions that are installed. What they
build is replaced by ours before the tests are imported; not a line of theirs is changed or kept here.
"""
