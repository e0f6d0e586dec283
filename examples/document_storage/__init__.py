"""A storage for a document database, written outside of the library."""
