"""The kit that asks of any SDK or server what the specification asks of ours."""
