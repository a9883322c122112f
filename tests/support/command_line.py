"""The command line as people and scripts use it."""

import contextlib
import fcntl
import os
import pty
import signal
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


class Lasting:
    """A command that goes on; its lines are read as they come."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([PROGRAM, *arguments], env=CLEAN, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def end(self, by=signal.SIGINT):
        """What is left on standard output, standard error, the exit code."""
        self.process.send_signal(by)
        rest = self.process.communicate(timeout=programs.WAIT)
        return (*rest, self.process.returncode)


@contextlib.contextmanager
def lasting(*arguments):
    command = Lasting(*arguments)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
            command.process.communicate()


class Fixed:
    """A server that comes back at its address."""

    def __init__(self, database):
        self.database = database
        self.address = f"127.0.0.1:{programs.free_port()}"
        self.start()

    def start(self):
        self.server = programs.Server(self.database.url, "--listen", self.address)

    def kill(self):
        self.server.kill()
        self.server.process.stdout.close()

    def stop(self):
        self.server.stop()
