"""Starts the real programs for tests, and speaks to them as foreign clients do."""

import atexit
import contextlib
import http.client
import http.server
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import grpc

import postgres

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("JUNCTION_BUILD", os.path.join(ROOT, "build", "dev"))
WAIT = 60  # seconds until a thing that must come counts as not coming


class Program:
    """A program that says on standard output where it listens, and then that it is ready."""

    def __init__(self, name, *arguments, environment=None):
        self.name = name
        self.addresses = []
        self.admin = None  # where metrics are; known once it is ready
        self.one_time_password = None  # of the first administrator, if this server made it
        self.log = tempfile.NamedTemporaryFile(prefix="jt-log-", mode="w+", encoding="utf-8")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("JUNCTION_")}
        clean.update(environment or {})
        self.process = subprocess.Popen([os.path.join(BUILD, "bin", name), *arguments], env=clean,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.log_text()}")
        line = line.rstrip("\n")
        if line.startswith("listening admin "):
            self.admin = line.split(" ", 2)[2]
        elif line.startswith("administrator one-time password: "):
            self.one_time_password = line.rpartition(" ")[2]
        elif line.startswith("listening "):
            self.addresses.append(line.split(" ", 2)[1:])
        return line

    def wait_listening(self, count):
        while len(self.addresses) < count:
            self.read_line()

    def wait_ready(self):
        while self.read_line() != "ready":
            pass

    def wait_administrator(self):
        """The first administrator's one-time password; of a server that makes one."""
        while not self.one_time_password:
            self.read_line()
        return self.one_time_password

    def log_text(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM, as a service manager does. A sanitizer's finding shows as another exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"{self.name} did not stop: {self.log_text()}") from None
        finally:
            self.process.stdout.close()
        if code not in (0, -signal.SIGKILL):
            raise RuntimeError(f"{self.name} ended with {code}: {self.log_text()}")
        return code


def migrate(database_url):
    subprocess.run([os.path.join(BUILD, "bin", "junctiond"), "migrate"], check=True,
                   env=dict(os.environ, JUNCTION_DATABASE_URL=database_url),
                   stderr=subprocess.DEVNULL)


class Database(postgres.Database):
    """A database with all migrations: in the cluster that all test files share, a copy of the one
    that run.py has migrated."""

    def __init__(self, cluster_url):
        shared = cluster_url == os.environ.get("JUNCTION_TEST_DATABASE_CLUSTER")
        self.copied = os.environ.get("JUNCTION_TEST_DATABASE_TEMPLATE") if shared else None
        super().__init__(cluster_url, self.copied or "template1")

    def __enter__(self):
        super().__enter__()
        if not self.copied:
            migrate(self.url)
        return self


class Server(Program):
    """junctiond, or trial-server, on a free port and a unix socket."""

    def __init__(self, database_url, *arguments, wait=True, program="junctiond"):
        self.folder = tempfile.mkdtemp(prefix="jt-", dir="/tmp")
        # Of one that does not start, or that a test leaves to the end.
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.socket = os.path.join(self.folder, "grpc.sock")
        # Most tests register addresses where nobody listens, hence no checks. Those that hold a
        # lock do so for as long as it takes them.
        super().__init__(program, "--listen", "127.0.0.1:0", "--socket", self.socket,
                         "--admin", "127.0.0.1:0", "--check-interval-ms", "0",
                         "--lock-timeout-ms", "30000", "--statement-timeout-ms", "30000",
                         *arguments,
                         environment={"JUNCTION_DATABASE_URL": database_url})
        self.wait_listening(2)
        self.address = next(a for kind, a in self.addresses if not a.startswith("unix:"))
        if wait:
            self.wait_ready()

    def channel(self):
        return grpc.insecure_channel(self.address, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200),
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.enable_http_proxy", 0)])

    def kill(self):
        super().kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        try:
            return super().stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Bridge(Program):
    """junction-bridge, or trial-bridge, on a free port, in front of a server."""

    def __init__(self, server, *arguments, wait=True, program="junction-bridge"):
        super().__init__(program, "--listen", "127.0.0.1:0", "--server",
                         "unix:" + server.socket, "--admin", "127.0.0.1:0", *arguments)
        self.wait_listening(1)
        self.address = self.addresses[0][1]
        self.host, port = self.address.rsplit(":", 1)
        self.port = int(port)
        if wait:
            self.wait_ready()

    def request(self, method, path, body=None, headers=None):
        return http_request(self.address, method, path, body, headers)

    def post(self, path, value, headers=None):
        return self.request("POST", path, json.dumps(value), headers)

    def get(self, path, headers=None):
        return self.request("GET", path, None, headers)

    def raw(self, data):
        """Sends bytes as they are; gives all that comes until the bridge closes."""
        with socket.create_connection((self.host, self.port), timeout=WAIT) as s:
            s.sendall(data)
            answer = b""
            while chunk := s.recv(65536):
                answer += chunk
            return answer


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def http_request(address, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(address, timeout=WAIT)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        return Answer(connection.getresponse())


class Upstream:
    """A third party: a small HTTP server whose answers the test gives.

    answer(request) -> (status, headers, body); request has method, path, headers, body.
    """

    def __init__(self, answer, port=0, host="127.0.0.1"):
        upstream = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                upstream.requests.append(self)
                status, headers, body = answer(self)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve

            def log_message(self, *_):
                pass

            @property
            def method(self):
                return self.command

        self.server = http.server.ThreadingHTTPServer((host, port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


_held = []


def free_port():
    """A port on which nobody listens. As long as this process lives, the system gives it to nobody
    else; who asks for it by its number, as servers do that come back, has it."""
    held = socket.socket()
    # Like those who will listen there: only so they may share it with us.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", 0))
    _held.append(held)
    return held.getsockname()[1]


def make_stubs(folder):
    """Python's own view of our protos: generated by protoc, as any foreign client would."""
    protos = ["junction/v1/options.proto", "junction/v1/registry.proto",
              "junction/v1/extension.proto", "junction/v1/api_reader.proto",
              "junction/v1/auth.proto", "junction/v1/audit.proto", "junction/v1/event.proto",
              "junction/v1/notice.proto", "junction/v1/trial.proto", "grpc/reflection/v1/reflection.proto",
              "google/api/http.proto", "google/api/annotations.proto", "google/api/httpbody.proto",
              "google/rpc/status.proto", "google/rpc/error_details.proto",
              "grpc/health/v1/health.proto", "grpc/reflection/v1alpha/reflection.proto"]
    # Debian's grpc package for Python lives in a package "grpc" too: our generated grpc.health
    # and grpc.reflection are put under another root.
    renamed = os.path.join(folder, "proto")
    shutil.copytree(os.path.join(ROOT, "proto"), renamed,
                    ignore=lambda d, names: [n for n in names if n in ("apigen", "runtime")])
    shutil.copytree(os.path.join(ROOT, "tests", "trial", "junction"),
                    os.path.join(renamed, "junction"), dirs_exist_ok=True)
    shutil.move(os.path.join(renamed, "grpc"), os.path.join(renamed, "grpcproto"))
    protos = [p.replace("grpc/", "grpcproto/", 1) if p.startswith("grpc/") else p for p in protos]
    ours = [p for p in protos if not p.startswith("google/")]
    out = os.path.join(folder, "out")
    os.mkdir(out)
    subprocess.run(["protoc", "-I", renamed, f"--python_out={out}", *protos], check=True)
    subprocess.run(["protoc", "-I", renamed, f"--grpc_out={out}",
                    "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", *ours], check=True)
    return out


class Stubs:
    """What make_stubs() makes, imported: run.py's, or made now."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="jt-stubs-")
        self.path = os.environ.get("JUNCTION_TEST_STUBS") or make_stubs(self.folder)
        # google.* must join the package that python3-protobuf brings.
        import google
        google.__path__.append(os.path.join(self.path, "google"))
        sys.path.insert(0, self.path)
        self.registry = importlib.import_module("junction.v1.registry_pb2")
        self.registry_grpc = importlib.import_module("junction.v1.registry_pb2_grpc")
        self.extension = importlib.import_module("junction.v1.extension_pb2")
        self.api_reader = importlib.import_module("junction.v1.api_reader_pb2")
        self.api_reader_grpc = importlib.import_module("junction.v1.api_reader_pb2_grpc")
        self.auth = importlib.import_module("junction.v1.auth_pb2")
        self.auth_grpc = importlib.import_module("junction.v1.auth_pb2_grpc")
        self.audit = importlib.import_module("junction.v1.audit_pb2")
        self.audit_grpc = importlib.import_module("junction.v1.audit_pb2_grpc")
        self.event = importlib.import_module("junction.v1.event_pb2")
        self.event_grpc = importlib.import_module("junction.v1.event_pb2_grpc")
        self.notice = importlib.import_module("junction.v1.notice_pb2")
        self.notice_grpc = importlib.import_module("junction.v1.notice_pb2_grpc")
        self.trial = importlib.import_module("junction.v1.trial_pb2")
        self.trial_grpc = importlib.import_module("junction.v1.trial_pb2_grpc")
        self.status = importlib.import_module("google.rpc.status_pb2")
        self.details = importlib.import_module("google.rpc.error_details_pb2")
        self.health = importlib.import_module("grpcproto.health.v1.health_pb2")
        self.health_grpc = importlib.import_module("grpcproto.health.v1.health_pb2_grpc")
        self.reflection = {v: importlib.import_module(f"grpcproto.reflection.{v}.reflection_pb2")
                           for v in ("v1", "v1alpha")}
        self.reflection_grpc = {
            v: importlib.import_module(f"grpcproto.reflection.{v}.reflection_pb2_grpc")
            for v in ("v1", "v1alpha")}

    def remove(self):
        sys.path.remove(self.path)
        shutil.rmtree(self.folder, ignore_errors=True)
