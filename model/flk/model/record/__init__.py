"""A record: its form, its canonical bytes, signatures, signals and Merkle trees. Knows no log, no store and no other record."""
