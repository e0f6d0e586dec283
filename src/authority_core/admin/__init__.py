"""Administration: operations on clients and users, as pure decisions that only the shell commits."""
