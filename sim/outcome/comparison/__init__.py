"""Comparing systems of several sizes: where a curve bends, and how much of one system equals a point of another."""
