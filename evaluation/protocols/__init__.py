"""Who is measured, on what, and with which metric: the protocol ids that a score carries."""
