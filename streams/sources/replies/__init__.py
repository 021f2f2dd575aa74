"""What customers answer to our mails, out of the mailbox to which they answer."""
