"""Weights files and what stands in their headers."""
