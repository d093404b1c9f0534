"""Source lists, and the items of the ledger that they expand to."""
