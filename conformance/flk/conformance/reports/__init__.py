"""What came of a run: results, reports, and how terminals, notebooks and build tools show them. Asks nothing."""
