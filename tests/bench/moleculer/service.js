// The remote service. usage: node service.js NATS_PORT
const { ServiceBroker } = require("moleculer");

const broker = new ServiceBroker({
  nodeID: "work", transporter: `nats://127.0.0.1:${process.argv[2]}`, logger: false,
});
const answer = { code: "200", message: "success", result: { id: 1, name: "of an upstream", values: [1, 2, 3, 4, 5, 6, 7] } };
broker.createService({
  name: "job",
  actions: { get: () => answer, put: () => answer },
});
broker.start().then(() => console.log("ready"));
