"""Real data as records: how a stream is cut into windows and summarised, and the data sets that come with a dependency.

`terrain()` is a survey of the Jacksboro fault, in metres, as an array of rows, columns and three coordinates; `unsigned(name)` the
records of a data set, the same on every run, and `submissions(name, key)` the same signed and ready to send; `DATASETS` has the
names. Raises UnusableInput for another name, and MissingExtra if matplotlib, which ships the data, is not installed.

>>> len(samples.unsigned("goog-prices"))
198
"""

from flk.model.samples.datasets import DATASETS, TILE_CELLS, submissions, terrain, unsigned

__all__ = ["DATASETS", "TILE_CELLS", "submissions", "terrain", "unsigned"]
