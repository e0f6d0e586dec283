"""FastAPI, with our accounts."""
