"""`flk serve`, `agent` and `keys`: options, progress, output. The work is done in `flk.impl`."""
