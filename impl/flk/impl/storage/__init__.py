"""Log, store and object store on real media: what `flk.model.memory.parts` are in memory, with the same methods.

Nothing here knows HTTP, asyncio or a program; who may call when is the caller's affair (`flk.impl.server.exclusive`).
"""
