"""A third party as users of FATE Flow write them: Python's own HTTP server.

usage: third_party.py BYTES; answers GET with a table of so many bytes, and POST, whose body is read
and thrown away, with a job.
"""

import http.server
import sys

PIECE = b"7" * (64 * 1024)
JOB = b'{"code":0,"message":"success","data":{"jobId":"1"}}'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        left = int(sys.argv[1])
        self.begin("text/csv", left)
        while left:
            left -= self.wfile.write(PIECE[:left])

    def do_POST(self):
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, len(PIECE))))
        self.begin("application/json", len(JOB))
        self.wfile.write(JOB)

    def begin(self, kind, size):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(f"listening http 127.0.0.1:{server.server_address[1]}\nready", flush=True)
server.serve_forever()
