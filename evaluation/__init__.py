"""Metrics, protocols, benchmark readers, contamination check, the study's statistics."""
