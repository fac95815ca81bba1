"""Trying a server over HTTP: a client, the checks, and a reference server. Knows nothing of the server's insides."""
