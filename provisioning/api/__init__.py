"""The HTTP API: the functions of :mod:`provisioning` as resources, in the words of the command line."""
