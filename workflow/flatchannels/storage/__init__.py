"""Formats of what is kept."""
