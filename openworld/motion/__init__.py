"""Procedural and recorded human motion."""
