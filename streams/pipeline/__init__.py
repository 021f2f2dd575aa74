"""The way of an event, with neither Kafka nor SMTP in sight: the same in every room."""
