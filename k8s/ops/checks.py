"""Runs the tests and ends what they share, so that nothing of it is left when Python ends."""

import sys
import unittest

import ground

program = unittest.main(module=None, exit=False)
ground.end()
sys.exit(not program.result.wasSuccessful())
