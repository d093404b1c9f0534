"""The ledger: items, claims, hosts and tombstones in one database."""
