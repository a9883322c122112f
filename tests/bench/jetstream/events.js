// From a publication to a durable push consumer that acknowledges, by NATS JetStream.
// usage: node events.js URL RATE SECONDS OUTSTANDING STREAM
//   RATE  events a second; 0: as many as come, OUTSTANDING publications at a time
// prints one line of JSON as bench_events does.
"use strict";

const { connect, consumerOpts, StorageType } = require("nats");

const [url, rate, seconds, outstanding, name] =
	[process.argv[2], ...process.argv.slice(3, 6).map(Number), process.argv[6]];
const now = () => Number(process.hrtime.bigint()) / 1000;  // microseconds

function percentile(values, percent) {
	values.sort((a, b) => a - b);
	return Math.round(values[Math.min(values.length - 1, Math.floor(values.length * percent / 100))]);
}

async function main() {
	const publisher = await connect({ servers: url });
	const subscriber = await connect({ servers: url });
	const manager = await publisher.jetstreamManager();
	await manager.streams.add({ name, subjects: [`${name}.>`], storage: StorageType.File });
	const options = consumerOpts();
	options.durable("bench");
	options.ackExplicit();
	options.manualAck();
	options.maxAckPending(10000);
	options.deliverTo(`deliver.${name}`);
	const subscription = await subscriber.jetstream().subscribe(`${name}.>`, options);
	const due = [], latencies = [], answers = [];
	let last = 0, received, all = new Promise((resolve) => { received = resolve; });
	let published = Infinity;
	(async () => {
		for await (const message of subscription) {
			last = now();
			latencies.push(last - due[JSON.parse(message.string()).n]);
			message.ack();
			if (latencies.length === published)
				received();
		}
	})();
	const stream = publisher.jetstream();
	const began = now(), until = began + seconds * 1e6;
	let open = 0, count = 0, wake = null;
	const send = (at) => {
		const n = count++;
		due[n] = at;
		open++;
		stream.publish(`${name}.created`, JSON.stringify({ n, name: "张伟", note: "x".repeat(60) }))
			.then(() => { answers.push(now() - at); open--; if (wake) wake(); });
	};
	while (now() < until) {
		const next = rate ? began + count * 1e6 / rate : now();
		if (next >= until)
			break;
		if (open >= outstanding)
			await new Promise((resolve) => { wake = resolve; });
		else if (next > now())
			await new Promise((resolve) => setImmediate(resolve));
		else
			send(next);
	}
	while (open)
		await new Promise((resolve) => { wake = resolve; });
	published = count;
	if (latencies.length < count)
		await all;
	const taken = (last - began) / 1e6;
	console.log(JSON.stringify({ events: count, seconds: taken, published_per_s: count / taken,
		received_per_s: latencies.length / taken, p50_us: percentile(latencies, 50),
		p99_us: percentile(latencies, 99), answer_p50_us: percentile(answers, 50),
		answer_p99_us: percentile(answers, 99), repeated: 0 }));
	await manager.streams.delete(name);
	await publisher.close();
	await subscriber.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
