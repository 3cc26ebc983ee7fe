"""Calls told after the fact: the files and streams of PBXs and switches, read into one form."""
