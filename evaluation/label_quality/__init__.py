"""What 2D labels are worth against truth: errors, misses, identities, cuts, scores. Arrays in, tables out."""
