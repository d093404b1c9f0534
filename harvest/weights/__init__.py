"""Weights of the 2D networks: where they come from, how they are checked, translated and run."""
