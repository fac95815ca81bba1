"""`flk explore`, `export`, `validate`, `prove` and `claims`: options, progress, output. The work is done in `flk.formal`."""
