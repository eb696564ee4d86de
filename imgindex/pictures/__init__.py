"""One file, from its path to what is kept of it."""
