"""The fleet: what Prefect is told, how worker runs are started and watched, servers and workers of one machine."""
