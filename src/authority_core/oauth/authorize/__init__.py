"""The authorization request: typed, checked, and decided step by step. Pages and storage are the endpoint's affair."""
