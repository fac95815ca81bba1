"""The pytest plugin of the kit, which pytest finds by its entry point."""
