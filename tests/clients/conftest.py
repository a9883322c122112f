"""The library as it is installed, for programs in C."""

import os
import shutil
import subprocess
import tempfile

import pytest

import programs


class Installed:
    """What `cmake --install` puts down, in a folder of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="jt-install-", dir="/tmp")
        subprocess.run(["cmake", "--install", programs.BUILD, "--prefix", self.folder], check=True,
                       stdout=subprocess.DEVNULL)
        self.packages = next(path for path, _, files in os.walk(self.folder)
                             if "junction.pc" in files)
        self.library = os.path.join(os.path.dirname(self.packages), "libjunction.so")

    def compile(self, source):
        """A program beside the library, with the sanitizers that it was built with."""
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "junction"], check=True,
                               capture_output=True, text=True,
                               env=dict(os.environ, PKG_CONFIG_PATH=self.packages)).stdout.split()
        program = os.path.join(self.folder, os.path.basename(source).removesuffix(".c"))
        subprocess.run(["cc", "-std=c17", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror",
                        source, "-o", program, *self.sanitizers(), *flags, "-pthread",
                        "-Wl,-rpath," + os.path.dirname(self.library)], check=True)
        return program

    @staticmethod
    def sanitizers():
        with open(os.path.join(programs.BUILD, "CMakeCache.txt"), encoding="utf-8") as cache:
            names = next(line for line in cache if line.startswith("SANITIZE:")).strip()
        names = names.split("=", 1)[1]
        return ["-fsanitize=" + names] if names else []

    def remove(self):
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def installed():
    installed = Installed()
    yield installed
    installed.remove()
