// moleculer-web as document 003 has it: an API gateway that asks who calls, and reaches a remote
// service over NATS. usage: node gateway.js NATS_PORT TOKEN
const http = require("http");
const { ServiceBroker, Errors } = require("moleculer");
const ApiGateway = require("moleculer-web");

const [natsPort, token] = process.argv.slice(2);
const users = new Map([[token, { id: 1, roles: ["caller"] }]]);
const broker = new ServiceBroker({
  nodeID: "gateway", transporter: `nats://127.0.0.1:${natsPort}`, logger: false,
});
const routes = (path, authorization) => ({
  path, authorization, mappingPolicy: "restrict",
  aliases: { "GET /job/get": "job.get", "POST /job/put": "job.put" },
  bodyParsers: { json: { limit: "8MB" } },
});
const gateway = broker.createService({
  name: "api",
  mixins: [ApiGateway],
  settings: { server: false, routes: [routes("/api", true), routes("/open", false)] },
  methods: {
    authorize(ctx, route, req) {
      const given = (req.headers.authorization || "").replace(/^Bearer /, "");
      const user = users.get(given);
      if (!user || !user.roles.includes("caller"))
        return Promise.reject(new Errors.MoleculerError("refused", 401));
      ctx.meta.user = user;
      return Promise.resolve();
    },
  },
});
broker.start().then(() => broker.waitForServices("job")).then(() => {
  const server = http.createServer(gateway.express());
  server.listen(0, "127.0.0.1", () => {
    console.log(`listening http 127.0.0.1:${server.address().port}`);
    console.log("ready");
  });
});
