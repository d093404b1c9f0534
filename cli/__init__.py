"""The `hmmr` command."""
