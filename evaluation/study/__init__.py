"""The statistics of the data-scale study: designs, curves, laws, tests, verdicts."""
