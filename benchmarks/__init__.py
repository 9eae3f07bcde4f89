"""Timings and memory, each as a ratio of two things in the same run; ``tools/benchmark.py`` chooses among them."""
