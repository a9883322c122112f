"""The tree's rules that a machine can check: who may include what, and how long things may be."""

import os
import re
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))


def sources(*folders):
    for folder in folders:
        for path, _, files in os.walk(os.path.join(ROOT, folder)):
            for name in files:
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(path, name), ROOT)


def includes(file):
    with open(os.path.join(ROOT, file), encoding="utf-8") as text:
        return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text.read(), re.M)


PROGRAM = ("base", "proto/runtime", "proto/apigen", "server", "bridge", "client")


def users(pattern):
    return {file for file in sources(*PROGRAM)
            if any(re.match(pattern, name) for name in includes(file))}


def test_libraries_are_used_only_where_they_belong():
    for pattern, allowed in [
            (r"grpc/(?!.*pb-c)", r"server/rpc/|client/"),
            (r"libpq-fe\.h|postgres", r"server/db/|server/lane/"),
            (r"curl/", r"server/lane/"),
            (r"microhttpd\.h", r"bridge/(listener\w*\.[ch]|worker\.h)|base/admin/"),
            (r"nghttp2/", r"bridge/http2\.c"),
            (r"http_parser\.h", r"bridge/gateway/upstream\w*\.[ch]"),
            (r"openssl/", r"server/rpc/tls\.c|server/hmac\.c|server/api_reader/request\.c|server/auth/(hook/sign_key|secret)\.c|server/audit/(record|point)\.c|bridge/(wire\w*|http2|rpc_channel|rpc_tls)\.[ch]"),
            (r"rhonabwy\.h", r"server/auth/token/jwt\.c"),
            (r"sodium\.h", r"server/auth/secret\.c|server/seal\.c"),
            (r"zlib\.h", r"server/api_reader/decode\.c"),
            (r"gnutls/", r"bridge/(tls|gateway/remote)\.[ch]")]:
        used = users(pattern)
        assert used, f"nobody includes {pattern}: the test looks for the wrong name"
        wrong = [file for file in used if not re.match(allowed, file)]
        assert not wrong, f"{pattern} is included by {wrong}"


def test_dependencies_run_one_way():
    layers = {  # who may include whom, beside itself
        "base": (), "proto": ("base",), "bridge": ("base", "proto"), "client": ("base", "proto"),
        "server": ("base", "proto")}
    for file in sources(*PROGRAM):
        own = file.split("/")[0]
        for name in includes(file):
            other = name.split("/")[0]
            if "/" in name and other in layers and other != own:
                assert other in layers[own], f"{file} includes {name}"


def test_inside_the_server_too():
    services = ("server/api_reader/", "server/auth/", "server/event/", "server/extension/",
                "server/notice/")
    order = ["server/db", "server/lane", ("server/seal", "server/pace", "server/hmac"),
             "server/posting", "server/call", "server/writes", "server/registry", "server/audit",
             services, "server/gateway", "server/rpc", "server/main"]

    def rank(path):
        return next((i for i, layer in enumerate(order) if path.startswith(layer)), None)

    def service(path):
        return next((layer for layer in services if path.startswith(layer)), None)
    for file in sources("server"):
        for name in includes(file):
            here, there = rank(file), rank(name)
            if here is not None and there is not None:
                assert there <= here, f"{file} includes {name}"
            if service(file) and service(name):
                assert service(file) == service(name), f"{file} includes {name}"


def test_files_fit_in_one_room():
    for file in sources(*PROGRAM):
        with open(os.path.join(ROOT, file), encoding="utf-8") as text:
            assert len(text.readlines()) <= 520, file


def test_no_path_of_a_machine_is_in_the_tree():
    files = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files"], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout.split()
    for file in files:
        with open(os.path.join(ROOT, file), "rb") as text:
            assert not re.search(rb"/(home|work)/[a-z]+/", text.read()), file
