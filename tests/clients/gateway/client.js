// Stock clients of the gateway: undici's fetch and agent, ws. usage: node client.js BASE
// Prints what it has seen as JSON.
const { Agent, fetch, request } = require("undici");
const WebSocket = require("ws");
const crypto = require("crypto");
const fs = require("fs");
const path = require("path");

const base = process.argv[2];
const socketBase = base.replace(/^http/, "ws");

function open(url, ...rest) {
  const socket = new WebSocket(url, ...rest);
  return new Promise((done, fail) => {
    socket.once("open", () => done(socket)).once("error", fail);
  });
}
const message = (socket) => new Promise((done) => socket.once("message", (data, binary) => done({ data, binary })));
const status = (url, ...rest) => new Promise((done, fail) => {
  const socket = new WebSocket(url, ...rest);
  socket.once("open", () => done(101)).once("unexpected-response", (_, res) => done(res.statusCode))
    .once("error", fail);
});

async function http() {
  const seen = {};
  seen.json = await (await fetch(`${base}/json?a=1&b=%20x`)).json();
  seen.posted = await (await fetch(`${base}/json`, {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: "数据", number: 1.5 }),
  })).json();
  const bytes = crypto.randomBytes(3 * 1024 * 1024);
  const dispatcher = new Agent({ connections: 4 });
  async function* pieces() {
    for (let at = 0; at < 700 * 1024; at += 10000) yield bytes.subarray(at, Math.min(at + 10000, 700 * 1024));
  }
  const put = await request(`${base}/sum`, { method: "PUT", body: pieces(), dispatcher });
  seen.sum = (await put.body.json()).sum;
  seen.expected = crypto.createHash("sha256").update(bytes.subarray(0, 700 * 1024)).digest("hex");
  seen.down = (await (await fetch(`${base}/bytes/5000000`)).arrayBuffer()).byteLength;
  const parallel = await Promise.all(Array.from({ length: 200 }, (_, i) =>
    fetch(`${base}/json?i=${i}`).then((r) => r.json()).then((v) => v.query.i === String(i))));
  seen.parallel = parallel.filter(Boolean).length;
  const file = fs.readFileSync(path.join(__dirname, "node.js"));
  const whole = await fetch(`${base}/file`);
  const etag = whole.headers.get("etag");
  await whole.arrayBuffer();
  const part = await fetch(`${base}/file`, { headers: { range: "bytes=10-19", "if-range": etag } });
  seen.range = { status: part.status, range: part.headers.get("content-range"), right: (await part.text()) === file.subarray(10, 20).toString(), size: file.length };
  seen.known = (await fetch(`${base}/file`, { headers: { "if-none-match": etag, "cache-control": "max-age=0" } })).status;
  seen.events = await (await fetch(`${base}/events`)).text();
  return seen;
}

async function sockets() {
  const seen = {};
  const socket = await open(`${socketBase}/chat?room=7`, ["other", "chat"]);
  seen.protocol = socket.protocol;
  seen.extensions = socket.extensions;
  let answer = message(socket);
  socket.send("path");
  seen.path = (await answer).data.toString();
  answer = message(socket);
  const big = crypto.randomBytes(2 * 1024 * 1024);
  socket.send(big);
  const back = await answer;
  seen.binary = back.binary && back.data.equals(big);
  const many = [];
  const all = new Promise((done) => socket.on("message", (data) => many.push(data.toString()) === 1000 && done()));
  for (let i = 0; i < 1000; i++) socket.send(String(i));
  await all;
  seen.order = many.every((text, i) => text === String(i));
  const pong = new Promise((done) => socket.once("pong", (data) => done(data.toString())));
  socket.ping("are you there");
  seen.pong = await pong;
  const closed = new Promise((done) => socket.once("close", (code, reason) => done([code, reason.toString()])));
  socket.send("close");
  seen.closed = await closed;
  const together = await Promise.all(Array.from({ length: 50 }, (_, i) => open(`${socketBase}/x?i=${i}`)));
  const answers = together.map(message);
  together.forEach((one) => one.send("path"));
  seen.together = (await Promise.all(answers)).filter((one, i) => one.data.toString() === `/x?i=${i}`).length;
  together.forEach((one) => one.terminate());
  seen.unknown = await status(`${socketBase}nobody/x`);
  return seen;
}

(async () => {
  const seen = JSON.stringify({ http: await http(), sockets: await sockets() });
  process.stdout.write(seen, () => process.exit(0)); // agents keep their connections
})();
