"""One folder per remedy; its name is its identifier everywhere."""
