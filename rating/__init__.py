"""
What a call costs: prefixes, increments, included minutes and money, with exact arithmetic.

Pure: state and time come in, a decision goes out. Start at :mod:`rating.engine`.
"""
