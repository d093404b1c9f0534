"""Datasets in and out of a lake."""
