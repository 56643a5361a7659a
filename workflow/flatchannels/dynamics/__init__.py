"""Gradient flow to its end, the finish, one run; gradient descent."""
