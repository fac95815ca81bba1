"""Real data as records: how a stream is cut into windows and summarised, and the data sets that come with a dependency."""
