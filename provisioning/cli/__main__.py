"""``python -m provisioning.cli`` is ``tollwire``."""

from provisioning.cli import main

main()
