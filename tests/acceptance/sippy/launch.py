"""
Run Sippy's B2BUA with ``radiusclient.py`` in place of the helper whose path it has built in.

This runs in Sippy's own environment, not in ours.
"""

import sys
from pathlib import Path

from sippy.b2bua import main_func
from sippy.External_command import External_command

HELPER = (sys.executable, str(Path(__file__).with_name("radiusclient.py")))
start = External_command.__init__


def start_our_helper(self, command, max_workers=4):
    start(self, (*HELPER, *command[1:]), max_workers=max_workers)


External_command.__init__ = start_our_helper
sys.exit(main_func())
