"""firstword: say it first, say sorry once, and put it right in the same email."""

__version__ = "0.1.0"
