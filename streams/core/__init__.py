"""The product itself, pure: the same history always gives the same decisions."""
