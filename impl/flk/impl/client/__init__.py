"""The client: signs records, keeps them in an outbox, and delivers them over HTTP, alone or in batches. Its door is `flk.client`.

What delivery means is in `flk.model.programs.outbox`; here its effects meet a disk and a network, many at once on an event loop.
"""
