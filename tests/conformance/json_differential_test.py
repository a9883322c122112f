"""A short run of fuzz/json_differential.py, always with the same cases."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz"))

import json_differential  # noqa: E402
import testee as testees  # noqa: E402


def test_json_means_the_same_here_and_in_json_format():
    messages = testees.Messages()
    testee = testees.Testee(messages)
    try:
        differential = json_differential.Differential(testee, messages)
        assert json_differential.run(differential, seed=3, cases=5000) == 5000
    finally:
        testee.stop()
        messages.remove()
