"""Schemas, the lake, the ledger, snapshots, erase: every byte that outlives a process."""
