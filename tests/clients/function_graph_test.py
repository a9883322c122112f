"""Extensions of FunctionGraph, unchanged: started by Junction from a folder, they register at
EXTENSION_API_ADDR, are told of each invocation, and at last of the end. One is written in Python with
requests as the documentation's sample is, one in shell with curl. They show no credentials, also where
all others must."""

import os
import shutil
import tempfile

import pytest

import extensions
import observe
import programs
import subjects

# Receives what it is told, and tells it on its standard error.
PYTHON = '''#!/usr/bin/python3 -B
import http.server, os, sys
import requests
name = os.path.basename(sys.argv[0])
port = int(name.split(".")[1])

def say(*words):  # in one write: several threads do
    sys.stderr.write(" ".join(words) + "\\n")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        say("told", self.path, self.headers["Content-Type"], body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if self.path == "/extension/shutdown":
            os._exit(0)
    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
try:
    answer = requests.post("http://" + os.getenv("EXTENSION_API_ADDR") + "/extension/register", headers={
        "Content-type": "application/json",
        "FunctionGraph-Extension-Name": name,
        "FunctionGraph-Extension-Address": "127.0.0.1:%d" % port})
except requests.ConnectionError:
    sys.exit("not there yet")  # in one line: of many in a second some are dropped
say("registered", str(answer.status_code), answer.text)
server.serve_forever()
'''

# Nobody listens at its address: it is dead to every invocation.
SHELL = '''#!/bin/sh
curl -sS --retry 50 --retry-connrefused -X POST "http://$EXTENSION_API_ADDR/extension/register" \\
    -H "FunctionGraph-Extension-Name: ${0##*/}" \\
    -H "FunctionGraph-Extension-Address: 127.0.0.1:$(echo "${0##*/}" | cut -d. -f2)" >&2
exec sleep 1000
'''


@pytest.fixture(scope="module")
def credentials(database):
    """Ours."""
    subjects.put(database.url, "application", "caller", "administrator")
    return {"Authorization": subjects.basic(subjects.put_key(database.url, "caller", "caller"))}


@pytest.fixture(scope="module", params=["open", "required"])
def function(request, database, credentials):
    """Server and bridge with two extensions in the folder, and the first port of theirs."""
    with extensions.ports() as ports:
        yield from started(database, ports, request.param)


def started(database, ports, mode):
    folder = tempfile.mkdtemp(prefix="jt-extensions-", dir="/tmp")
    first = ports[0]
    for name, text in ((f"demo.{first}.py", PYTHON), (f"shell.{first + 1}.sh", SHELL)):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o755)
    os.chmod(folder, 0o755)
    port = programs.free_port()
    server = programs.Server(
        database.url, "--auth", mode, "--extension-folder", folder, *extensions.option(ports),
        "--extension-api-address", f"127.0.0.1:{port}", "--extension-restart-ms", "100",
        "--function-name", "helloWorld", "--function-urn", "sn:cn:yrk:1111:function:0@test@hello:latest")
    bridge = programs.Bridge(server, "--listen", f"127.0.0.1:{port}")
    yield server, bridge, first
    bridge.stop()
    if server.process.poll() is None:
        server.stop()
    shutil.rmtree(folder)


def registered(bridge, names, credentials):
    listed = bridge.get("/v1/extensions", credentials).json()["extensions"]
    states = {e["name"]: e["state"] for e in listed}
    return all(states[name] == "EXTENSION_STATE_REGISTERED" for name in names)


def test_extensions_register_are_told_and_end(function, credentials):
    server, bridge, first = function
    demo, shell = f"demo.{first}.py", f"shell.{first + 1}.sh"
    observe.wait_until(lambda: registered(bridge, [demo, shell], credentials))
    told = bridge.post("/v1/function/invoke", {"traceId": "3da1f2dc-3222-475e-9205-e2e6c6318895"},
                       credentials)
    answer = told.json()
    assert answer["invokedFunctionUrn"] == "sn:cn:yrk:1111:function:0@test@hello:latest"
    assert {e["name"]: e["outcome"] for e in answer["extensions"]} == {
        demo: "INVOCATION_OUTCOME_OK", shell: "INVOCATION_OUTCOME_UNREACHED"}
    server.stop()
    log = server.log_text()
    for line in ('{\\"functionName\\":\\"helloWorld\\",\\"functionVersion\\":\\"$LATEST\\",'
                 '\\"handler\\":\\"index.handler\\",'
                 '\\"errorInfo\\":{\\"errorType\\":\\"\\",\\"errorMessage\\":\\"\\"}}',
                 'told /extension/invoke application/json {\\"traceId\\":'
                 '\\"3da1f2dc-3222-475e-9205-e2e6c6318895\\",\\"invokedFunctionUrn\\":'
                 '\\"sn:cn:yrk:1111:function:0@test@hello:latest\\"}',
                 'told /extension/shutdown application/json {\\"reason\\":'):
        assert line in log, log
