"""Grants as pure decisions behind one protocol; a grant of your own enters by the same door."""
