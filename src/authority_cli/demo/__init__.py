"""The demo: a whole server with a person and three clients, in one command, on loopback only."""
