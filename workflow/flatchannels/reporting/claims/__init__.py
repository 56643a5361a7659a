"""Verdicts on the paper's claims, a module for each figure."""
