"""A third party for ApiReader, in the way FATE Flow expects one: it takes ids, runs a job, and hands
out a table. Python's own library is all that it needs.

    python3 client/examples/third_party.py PORT
"""

import http.server
import json
import sys

TABLE = b"id,x0\n1,0.5\n2,0.7\n"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/download"):
            self.answer("text/csv", TABLE)
        else:  # /upload, /query
            job = {"code": 0, "message": "success", "data": {"jobId": "j-1", "status": "success"}}
            self.answer("application/json", json.dumps(job).encode())

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
