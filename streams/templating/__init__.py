"""Words and frame become mail: compiled once, filled in per customer, checked before anybody sees them."""
