"""Replacements as orders in the shop's own Shopify."""
