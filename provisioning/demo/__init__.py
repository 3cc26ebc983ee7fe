"""A small carrier to try: its site, a server for it, and a switch that plays calls over real UDP."""
