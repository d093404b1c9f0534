"""Measures the harvest's labels: films with known truth through the real labeller, and the tables of that."""
