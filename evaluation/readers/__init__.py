"""Readers of benchmarks and motion files that a user already has."""
