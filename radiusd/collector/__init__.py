"""The process that collects call records, beside the server: its own main program."""
