"""A folder of service configuration files, and the servers that load it."""

import json
import os
import shutil
import tempfile

import programs


def text(code="demo", name="Demo", events=None, actions=None, **settings):
    """A file's text. events: patterns; actions: name to its definition."""
    if events is not None:
        settings["events"] = events
    if actions is not None:
        settings["actions"] = actions
    lines = [f"code: {json.dumps(code)}", f"name: {json.dumps(name)}",
             "settings: " + json.dumps(settings)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def at(*ports, base=""):
    return [f"http://127.0.0.1:{port}{base}" for port in ports]


class Folder:
    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="jt-config-", dir="/tmp")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def at(self, name):
        return os.path.join(self.path, name)

    def put(self, name, content):
        """By a rename: the file is always whole."""
        path = self.at(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fresh = os.path.join(self.path, ".fresh")
        with open(fresh, "w", encoding="utf-8") as file:
            file.write(content)
        os.rename(fresh, path)

    def remove(self, name):
        os.unlink(self.at(name))

    def serve(self, database, *arguments, **more):
        return programs.Server(database.url, "--config-folder", self.path, "--config-poll-ms", "20",
                               *arguments, **more)
