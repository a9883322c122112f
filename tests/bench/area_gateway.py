"""Requests through the gateway to one upstream, beside nginx's proxy_pass to the same, and beside
moleculer-web in front of one remote service over NATS (area gateway).

With authorization: a token is shown and checked, and the caller may by a role. Without: the route is
open. nginx asks nobody; it keeps connections to the upstream and does not buffer requests, like the
gateway. Nobody writes an access log. Each of the three may use all cores.
"""

import json
import os
import tempfile

import identities
import load
import npm
import peer
import programs

HERE = os.path.dirname(os.path.abspath(__file__))
CORES = len(os.sched_getaffinity(0))
# Document 003 tells of 5 to 20 ms that a middleware adds for 1 to 2 MiB.
SIZES = [("GET 100 bytes", 0), ("POST 1 KiB", 1024), ("POST 100 KiB", 100 * 1024),
         ("POST 2 MiB", 2 * 1024 * 1024)]
CONNECTIONS = [1, 16, 100, 1000]

NGINX = """
daemon off; worker_processes {cores}; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2;
  fastcgi_temp_path {folder}/3; uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  upstream work {{ server {upstream}; keepalive 512; }}
  server {{
    listen 127.0.0.1:{port}; client_max_body_size 16m; keepalive_requests 100000000;
    location / {{
      proxy_pass http://work; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_request_buffering off;
    }}
  }}
}}
"""


def configuration(code, upstream, **more):
    settings = {"restAPIs": f"http://{upstream}", "bodyLimit": "16MB", **more}
    return json.dumps({"code": code, "name": code, "settings": settings})


class Nginx(peer.Peer):
    def __init__(self, upstream):
        self.address = f"127.0.0.1:{programs.free_port()}"

        def command(folder):
            path = os.path.join(folder, "conf")
            with open(path, "w", encoding="ascii") as file:
                file.write(NGINX.format(cores=CORES, folder=folder, upstream=upstream,
                                        port=self.address.split(":")[1]))
            return [peer.unpacked("nginx", "usr/sbin/nginx"), "-c", path, "-p", folder]
        super().__init__("nginx", command, self.address, "/")


class Nats(peer.Peer):
    def __init__(self):
        self.port = programs.free_port()
        health = programs.free_port()

        def command(folder):
            path = os.path.join(folder, "conf")
            with open(path, "w", encoding="ascii") as file:
                file.write(f"host: 127.0.0.1\nport: {self.port}\nhttp: 127.0.0.1:{health}\n"
                           "max_payload: 8MB\n")
            return [peer.unpacked("nats-server", "usr/sbin/nats-server"), "-c", path]
        super().__init__("nats-server", command, f"127.0.0.1:{health}", "/healthz")


class Moleculer:
    """The gateway and the service, a process each."""

    TOKEN = "a-token-that-is-known"

    def __init__(self, bench):
        folder = bench.stack.enter_context(npm.installed(os.path.join(HERE, "moleculer")))
        nats = bench.keep("nats", Nats())
        service = bench.keep("moleculer-service", NodeProgram(folder, "service.js", nats.port))
        service.wait_ready()
        gateway = bench.keep("moleculer-web", NodeProgram(folder, "gateway.js", nats.port, self.TOKEN))
        gateway.wait_ready()
        self.address = gateway.addresses[0][1]


class NodeProgram(programs.Program):
    def __init__(self, folder, script, *arguments):
        super().__init__("/usr/bin/env", "node", os.path.join(folder, script), *map(str, arguments))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def start(bench):
    """Bridge and upstream; services "open" and "closed", and the token of somebody who may."""
    upstream = bench.peer("upstream", os.path.join(programs.BUILD, "tests", "bench_upstream"))
    folder = bench.stack.enter_context(tempfile.TemporaryDirectory(prefix="jb-", dir="/tmp"))
    for code, more in (("open", {"open": True}), ("closed", {})):
        with open(os.path.join(folder, f"hsm-mw.{code}.config.json"), "w", encoding="utf-8") as file:
            file.write(configuration(code, upstream.address, **more))
    server = bench.keep("server", programs.Server(bench.new_database().url, "--config-folder", folder,
                                                  "--log-level", "warn"))
    bridge = bench.keep("bridge", programs.Bridge(server, "--threads", str(CORES), "--log-level",
                                                  "warn"))
    return upstream, bridge, token(bench, server)


def token(bench, server):
    """Of an application that may reach the service "closed"."""
    with server.channel() as channel:
        auth = identities.Identities(bench.stubs, channel)
        auth.put_subject("application", "bench")
        auth.put_role("caller", ("allow", "closed", "**", "*"))
        auth.put_grant("application", "bench", "caller")
        made = auth.call("CreateAccessKey", application="bench")
        return auth.call("IssueToken", access_key_id=made.key.id, secret=made.secret).access_token


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmRSS"))


def measure_gateway(bench):
    upstream, bridge, bearer = start(bench)
    nginx = bench.keep("nginx", Nginx(upstream.address))
    moleculer = Moleculer(bench)
    ours, theirs = f"Bearer {bearer}", f"Bearer {Moleculer.TOKEN}"
    for what, size in SIZES:
        path = "/get" if not size else "/put"
        for connections in CONNECTIONS:
            if size * connections > 512 * 1024 * 1024:
                continue

            def asked(address, where, credentials=None, size=size, connections=connections):
                return lambda: load.wrk_sized(bench.seconds, address, where, size, connections,
                                              credentials)
            name = f"{what}, {connections} connections"
            goal = connections == 100
            proxy = asked(nginx.address, path)
            for kind, measured in (("open", asked(bridge.address, "/api/open" + path)),
                                   ("authorized", asked(bridge.address, "/api/closed" + path, ours))):
                row = bench.compare("requests/s", f"gateway, {kind}: {name}", measured,
                                    "nginx proxy_pass", proxy, goal=0.6 if goal else None)
                row["notes"].append(f"resident MiB: bridge {resident(bridge.process.pid)}, "
                                    f"nginx's master {resident(nginx.process.pid)}")
            row = bench.compare(
                "requests/s", f"gateway, authorized: {name}", measured, "moleculer-web over NATS",
                asked(moleculer.address, "/api/job" + path, theirs), goal=3.0 if goal else None)
            row["notes"].append("resident MiB: " + ", ".join(
                f"{who} {resident(bench.pids[who])}" for who in ("bridge", "moleculer-web",
                                                                "moleculer-service", "nats")))
            straight = load.wrk_sized(bench.seconds, upstream.address, path, size, connections, None)
            row["notes"].append(f"straight to the upstream: {straight.value:.0f}/s, p50 "
                                f"{straight.p50_us} us; added: {row['p50_us'] - straight.p50_us} us")
