"""The web console: pages over the functions that the command line and the HTTP API use."""
