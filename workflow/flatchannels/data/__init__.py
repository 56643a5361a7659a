"""Datasets: inputs, targets, and whatever is random."""
