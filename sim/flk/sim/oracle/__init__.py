"""A second implementation of what the checkers judge: records, signatures, outcomes, clocks, frames, outboxes.

It was written from the texts of the requirements and imports nothing of the model, only the standard library, `cryptography` for
Ed25519, `google-crc32c` for CRC-32C, and the constants. It is slow and plain: what the model does quickly, the oracle does as the
requirement says it.
"""
