"""The command line as people and scripts use it."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios

import programs

PROGRAM = os.path.join(programs.BUILD, "bin", "junction")
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("JUNCTION_")}
CLEAN["XDG_CONFIG_HOME"] = "/nonexistent"  # whoever runs the tests may be logged in somewhere


def run(*arguments, input=None, environment=None):
    return subprocess.run([PROGRAM, *arguments], env={**CLEAN, **(environment or {})},
                          capture_output=True, text=True, input=input, timeout=programs.WAIT,
                          check=False)


def on_terminal(columns, *arguments):
    """All that the command writes to a terminal of that width."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execve(PROGRAM, [PROGRAM, *arguments], CLEAN)
    output = b""
    with contextlib.suppress(OSError):  # EIO at its end
        while chunk := os.read(terminal, 65536):
            output += chunk
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0
    return output.decode()
