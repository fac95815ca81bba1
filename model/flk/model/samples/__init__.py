"""Real data as records: how a stream is cut into windows and summarised, and the data sets that come with a dependency."""

from flk.model.samples.datasets import DATASETS, TILE_CELLS, submissions, terrain, unsigned

__all__ = ["DATASETS", "TILE_CELLS", "submissions", "terrain", "unsigned"]
