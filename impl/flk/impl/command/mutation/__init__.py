"""The subcommand that measures the checks themselves."""
