"""A service that the lab tries."""
