"""`flk conform`: options, progress, output. The work is done in `flk.conformance`."""
