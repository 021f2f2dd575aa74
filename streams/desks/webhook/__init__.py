"""A signed request to the shop's own order system."""
