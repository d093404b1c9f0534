"""Prefect flows: what runs when. No pixel, no tensor, no decision."""
