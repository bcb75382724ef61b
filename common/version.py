"""The one place that holds Clearance's version."""

__version__ = "0.1.0"
