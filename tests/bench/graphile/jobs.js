// From adding a job to its task, by graphile-worker; its LISTEN wakes it.
// usage: node jobs.js DATABASE RATE SECONDS OUTSTANDING
//   RATE  jobs a second; 0: as many as come, OUTSTANDING additions at a time
// prints one line of JSON as bench_events does.
"use strict";

const { Logger, makeWorkerUtils, run } = require("graphile-worker");

const [database, rate, seconds, outstanding] =
	[process.argv[2], ...process.argv.slice(3, 6).map(Number)];
const now = () => Number(process.hrtime.bigint()) / 1000;  // microseconds
const logger = new Logger(() => () => {});

function percentile(values, percent) {
	values.sort((a, b) => a - b);
	return Math.round(values[Math.min(values.length - 1, Math.floor(values.length * percent / 100))]);
}

async function main() {
	const due = [], latencies = [], answers = [];
	let last = 0, received, all = new Promise((resolve) => { received = resolve; });
	let published = Infinity;
	const utils = await makeWorkerUtils({ connectionString: database, maxPoolSize: 64, logger });
	await utils.migrate();
	const runner = await run({
		connectionString: database, concurrency: 64, maxPoolSize: 64, noHandleSignals: true, logger,
		taskList: {
			bench: (payload) => {
				last = now();
				latencies.push(last - due[payload.n]);
				if (latencies.length === published)
					received();
			},
		},
	});
	const began = now(), until = began + seconds * 1e6;
	let open = 0, count = 0, wake = null;
	const send = (at) => {
		const n = count++;
		due[n] = at;
		open++;
		utils.addJob("bench", { n, name: "张伟", note: "x".repeat(60) })
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
	await runner.stop();
	await utils.release();
}

main().catch((error) => { console.error(error); process.exit(1); });
