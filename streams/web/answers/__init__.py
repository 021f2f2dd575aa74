"""The answers page: where the links in mails lead. Looking at it does nothing; one button says what a customer wants."""
