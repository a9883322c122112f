// A node of a service, of stock libraries: express for HTTP, ws for WebSocket.
// Prints its port, and serves until it is killed.
const express = require("express");
const http = require("http");
const { WebSocketServer } = require("ws");
const crypto = require("crypto");

const app = express();
app.get("/json", (req, res) => res.json({ query: req.query, ip: req.get("x-forwarded-for") }));
app.post("/json", express.json({ limit: "10mb" }), (req, res) => res.json({ got: req.body }));
app.put("/sum", (req, res) => {
  const sum = crypto.createHash("sha256");
  req.on("data", (piece) => sum.update(piece)).on("end", () => res.json({ sum: sum.digest("hex") }));
});
app.get("/bytes/:count", (req, res) => {
  let left = Number(req.params.count);
  const write = () => {
    while (left > 0) {
      const piece = Buffer.alloc(Math.min(left, 65536), "7");
      left -= piece.length;
      if (!res.write(piece)) return void res.once("drain", write);
    }
    res.end();
  };
  write();
});
app.get("/file", (req, res) => res.sendFile(__filename));
app.get("/events", (req, res) => {
  res.type("text/event-stream");
  let i = 0;
  const timer = setInterval(() => {
    res.write(`data: ${i++}\n\n`);
    if (i === 3) { clearInterval(timer); res.end(); }
  }, 10);
});
const server = http.createServer(app);
const sockets = new WebSocketServer({
  server, handleProtocols: (offered) => (offered.has("chat") ? "chat" : false),
  perMessageDeflate: true,
});
sockets.on("connection", (socket, req) => {
  socket.on("message", (data, binary) => {
    if (!binary && data.toString() === "path") socket.send(req.url);
    else if (!binary && data.toString() === "close") socket.close(4001, "as told");
    else socket.send(data, { binary });
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
