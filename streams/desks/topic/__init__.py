"""The order system reads replacement requests from the decisions log by itself."""
