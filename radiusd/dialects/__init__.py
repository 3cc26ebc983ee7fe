"""How each vendor says it: a dialect turns a switch's requests into call events and answers it."""
