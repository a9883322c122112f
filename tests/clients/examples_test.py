"""The examples of client/examples do what they say, in each language."""

import json
import os
import shutil
import subprocess

import pytest

import observe
import programs
import subjects

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(programs.ROOT, "client", "examples")


def c(request, folder):
    return [request.getfixturevalue("installed").compile(os.path.join(EXAMPLES, "node.c"))], []


def python(request, folder):
    stubs = request.getfixturevalue("stubs")
    os.environ["PYTHONPATH"] = stubs.path
    return ["/usr/bin/python3", "-c", "import google, os, sys;"
            "google.__path__.append(os.path.join(os.environ['PYTHONPATH'], 'google'));"
            "exec(open(sys.argv.pop(1)).read())", os.path.join(EXAMPLES, "node.py")], []


def javascript(request, folder):
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, "node", name), folder)
    shutil.copy(os.path.join(EXAMPLES, "node.js"), folder)
    subprocess.run(["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return ["node", str(folder / "node.js")], [os.path.join(programs.ROOT, "proto"), "/usr/include"]


@pytest.fixture(scope="module")
def key(database):
    subjects.put(database.url, "application", "example", "service")
    return subjects.put_key(database.url, "example", "example")


@pytest.fixture(scope="module")
def environments(key, tmp_path_factory):
    """What the examples find, by the server's mode."""
    file = tmp_path_factory.mktemp("key") / "key.json"
    file.touch(0o600)
    file.write_text(json.dumps({"accessKeyId": key, "secret": subjects.SECRET}))
    return {"open": {}, "required": {"JUNCTION_KEY_FILE": str(file)}}


@pytest.fixture(scope="module", params=["open", "required"])
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def asking(database, key, mode):
    server = programs.Server(database.url, "--auth", mode)
    yield server
    server.stop()


@pytest.mark.parametrize("language", [c, python, javascript])
def test_an_example(language, request, tmp_path, asking, mode, environments, key, stubs):
    command, more = language(request, tmp_path)
    service = f"example-{language.__name__}"
    shown = [("authorization", subjects.basic(key))]
    process = subprocess.Popen([*command, asking.address, service, "8080", *more], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env={**os.environ, **environments[mode]})
    try:
        lines = []
        while not any(line.startswith("registered ") for line in lines) or \
                f"change of {service}\n" not in lines:
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        name = next(line for line in lines if line.startswith("registered ")).split()[1]
        with asking.channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            nodes = registry.ListNodes(stubs.registry.ListNodesRequest(service=service),
                                       metadata=shown).nodes
            assert [(n.name, n.port) for n in nodes] == [(name, 8080)]
            process.communicate("\n", timeout=programs.WAIT)
            assert process.returncode == 0
            left = registry.ListServices(stubs.registry.ListServicesRequest(name=service),
                                         metadata=shown).services
            assert not any(s.nodes for s in left)
    finally:
        process.kill()
        process.wait()


def test_a_third_party(server, bridge):
    port = programs.free_port()
    process = subprocess.Popen(["/usr/bin/python3", os.path.join(EXAMPLES, "third_party.py"),
                                str(port)], stderr=subprocess.DEVNULL)
    try:
        bridge.post("/v1/server/example/register", {"host": "127.0.0.1", "port": port})
        for service in ("upload", "query", "download"):
            bridge.post("/v1/service/registry", {"server_name": "example", "service_name": service,
                                                 "uri": "/" + service})
        base = "/v1/api_reader/example/"
        observe.wait_until(lambda: bridge.post(base + "query", {"jobId": "j-1"}).status == 200)
        answer = bridge.request("POST", base + "upload?requestBody=%7B%7D", b"id\n1\n")
        assert answer.json()["data"] == {"jobId": "j-1"}
        assert bridge.request("POST", base + "download?jobId=j-1").body.startswith(b"id,x0\n")
    finally:
        process.kill()
        process.wait()
