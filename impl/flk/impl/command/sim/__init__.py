"""`flk run`, `sweep`, `hunt`, `shrink`, `replay` and `scenario`: options, progress, output. The work is done in `flk.sim`."""
