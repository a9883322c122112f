"""Programs that a test talks to, line by line, by their standard input and output."""

import contextlib
import subprocess
import threading

import programs


@contextlib.contextmanager
def running(program, *arguments):
    """It ends well, and says no more than was read."""
    process = subprocess.Popen([program, *map(str, arguments)], stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.PIPE)
    try:
        yield process
        rest, _ = process.communicate(timeout=programs.WAIT)  # ends its standard input
        assert process.returncode == 0 and not rest, rest
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def line(process):
    """What it says next; it is killed if it says nothing."""
    patience = threading.Timer(programs.WAIT, process.kill)
    patience.start()
    try:
        said = process.stdout.readline()
    finally:
        patience.cancel()
    assert said, "it has ended, or says nothing"
    return said.strip()


def ask(process):
    """What it answers to an empty line."""
    process.stdin.write("\n")
    process.stdin.flush()
    return line(process)
