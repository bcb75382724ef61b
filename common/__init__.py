"""Clearance decides whether a dataset may be given to an AI solution, and makes it fit when it may not.

This folder installs as ``clearance`` itself and holds what all four layers share: the exception tree,
column paths, the text form of a value, and the walk over nested Arrow data. It imports none of them.
"""

from clearance.version import __version__

__all__ = ["__version__"]
