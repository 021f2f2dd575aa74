"""The room to look at it all: a console of server-rendered pages that work without a script."""
