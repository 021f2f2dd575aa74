"""Mails that came back, out of a mailbox."""
