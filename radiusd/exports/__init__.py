"""Ended calls for others: as CSV, JSON lines, Parquet and TAP, on demand and on a schedule."""
