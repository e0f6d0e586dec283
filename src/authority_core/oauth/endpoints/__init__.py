"""One shell a file: read the request, look, decide, answer."""
