"""Packets as people have them, in captures and texts, and what a server would understand of them."""
