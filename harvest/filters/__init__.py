"""Which tracks are kept: each filter rejects with a reason and a measured value."""
