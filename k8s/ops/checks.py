"""Runs the tests and ends what they share, so that nothing of it is left when Python ends."""

import sys
import unittest

import ground

try:
    program = unittest.main(module=None, exit=False)
finally:
    ground.end()
sys.exit(not program.result.wasSuccessful())
