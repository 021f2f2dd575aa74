"""EasyPost: trackers and their webhooks."""
