"""Pages to look at in a browser, each one file without requests."""
