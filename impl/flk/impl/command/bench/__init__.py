"""`flk bench`: options, progress, tables. The measuring is done in `flk.impl.bench` and `flk.sim.bench`."""
