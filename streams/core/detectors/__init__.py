"""One folder per kind of trouble; its name is its identifier everywhere."""
