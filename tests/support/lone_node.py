"""A node that is a program of its own, so that it can be killed: answers everything with 200, after
the milliseconds that the path ends in ("/x/20")."""

import http.server
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer goes out in one piece: none is cut between its head and its body

    def serve(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        last = self.path.rpartition("/")[2]
        time.sleep(int(last) / 1000 if last.isdigit() else 0)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_GET = do_POST = serve

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
