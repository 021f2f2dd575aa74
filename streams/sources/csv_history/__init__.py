"""Order history in CSV tables: what happened, without the systems it happened in."""
