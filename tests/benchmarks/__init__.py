"""Benchmarks: scripts, never tests. ``make bench`` runs all of them in one process."""
