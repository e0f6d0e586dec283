"""Running an authority under a server: sockets, applications, and one module for each server."""
