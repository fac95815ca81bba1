"""The server: HTTP, the asyncio runtime that advances programs in batches, and what ships and replays logs in the background.

Nothing here decides what a submission means: that is in `flk.model.programs`. What touches a file is in `storage`.
"""
