"""Our own events: CloudEvents 1.0 as published in ``schemas/``."""
