"""For tests: the reference storage, a hand-wound clock, and the contract that every storage must keep."""
