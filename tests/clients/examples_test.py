"""The examples of client/examples do what they say, in each language."""

import os
import shutil
import subprocess

import pytest

import programs

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(programs.ROOT, "client", "examples")


def c(request, folder):
    return [request.getfixturevalue("installed").compile(os.path.join(EXAMPLES, "node.c"))], []


def python(request, folder):
    stubs = request.getfixturevalue("stubs")
    os.environ["PYTHONPATH"] = os.path.join(stubs.folder, "out")
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


@pytest.mark.parametrize("language", [c, python, javascript])
def test_an_example(language, request, tmp_path, server, registry, stubs):
    command, more = language(request, tmp_path)
    service = f"example-{language.__name__}"
    process = subprocess.Popen([*command, server.address, service, "8080", *more], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        lines = []
        while not any(line.startswith("registered ") for line in lines) or \
                f"change of {service}\n" not in lines:
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        name = next(line for line in lines if line.startswith("registered ")).split()[1]
        request = stubs.registry.ListNodesRequest(service=service)
        assert [(n.name, n.port) for n in registry.ListNodes(request).nodes] == [(name, 8080)]
        process.communicate("\n", timeout=programs.WAIT)
        assert process.returncode == 0
        left = registry.ListServices(stubs.registry.ListServicesRequest(name=service)).services
        assert not any(s.nodes for s in left)
    finally:
        process.kill()
        process.wait()
