"""HTTP/1.1 on an event loop, within bounds (HTTP-*): messages, connections, the pool they share, descriptors.

Nothing here knows of records, logs or stores; the server imports it, and not the other way round.
"""
