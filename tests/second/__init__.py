"""A second implementation of the operations of `conformance/PROTOCOL.md`, to judge the first by.

It was written from the requirement texts, `constants.toml`, the protocol's page and the RFCs alone, with exact arithmetic:
`fractions`, `decimal`, `hashlib`. It imports nothing of the model and no numeric library, and is as slow as its rules are plain.
What it shares with the model is what the texts say, so a disagreement is a mistake in one of the two, or a rule that no text has.

`python -m tests.second d_hat --cases 10000` compares both on generated cases; `python -m tests.second.subject` is a subject for
`flk conform sdk`.
"""
