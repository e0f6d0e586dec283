"""Flask, with our accounts."""
