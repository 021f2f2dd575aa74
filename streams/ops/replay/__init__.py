"""History through today's code: rebuilt, compared with what was decided then, or handed to the outbox on purpose."""
