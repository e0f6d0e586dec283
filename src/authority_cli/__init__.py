"""The `authority` command: demo, server, database, clients, keys. Heavy imports wait inside the commands."""
