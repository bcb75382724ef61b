"""One file a command; each is a thin shell over a function that a notebook can call."""
