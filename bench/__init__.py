"""Benchmarks: how many packets a second, at which latency and CPU cost, and against whom."""
