"""Shopify: orders, fulfillments, their events, and refunds."""
