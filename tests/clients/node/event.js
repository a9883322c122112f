// Events by grpc-js over the .proto files: publishes, subscribes in a group and to the log, confirms and
// refuses. What it saw is one JSON object on standard output.
//
//     node event.js ADDRESS PROTO_FOLDER...
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, ...folders] = process.argv.slice(2);
const definition = loader.loadSync('junction/v1/event.proto',
	{includeDirs: folders, keepCase: false, longs: String, enums: String, defaults: true, oneofs: true});
const {Event} = grpc.loadPackageDefinition(definition).junction.v1;
const client = new Event(address, grpc.credentials.createInsecure());

const call = (method, request) => new Promise((resolve, reject) => {
	method.call(client, request, (error, answer) => (error ? reject(error) : resolve(answer)));
});

const publishStream = (requests) => new Promise((resolve, reject) => {
	const sink = client.publishStream((error, answer) => (error ? reject(error) : resolve(answer)));
	requests.forEach((each) => sink.write(each));
	sink.end();
});

// A stream once it has begun; its events are taken one by one.
const subscribe = (request) => new Promise((resolve, reject) => {
	const stream = client.subscribe(request);
	const queue = [];
	let taker;
	stream.on('metadata', () => resolve({
		take: () => (queue.length ? Promise.resolve(queue.shift()) : new Promise((done) => { taker = done; })),
		cancel: () => stream.cancel(),
	}));
	stream.on('data', (event) => {
		if (!event.event)
			return;
		if (!taker)
			return void queue.push(event);
		taker(event);
		taker = undefined;
	});
	stream.on('error', reject);
});

const take = async (stream, count) => {
	const taken = [];
	while (taken.length < count)
		taken.push(await stream.take());
	return taken;
};

const refused = (method, request) => call(method, request).then(() => null, ({code, details}) => ({code, details}));

(async () => {
	const seen = {};
	const group = await subscribe({patterns: ['node.*'], group: 'node', confirm: 'CONFIRM_MODE_EXPLICIT'});
	const data = '{ "编号" : 12345678901234567890.10, "a":[1e400] }';
	seen.first = await call(client.publish, {event: 'node.made', data, eventId: 'node-1', key: 'k'});
	seen.again = await call(client.publish, {event: 'node.made', data, eventId: 'node-1', key: 'k'});
	seen.conflict = await refused(client.publish, {event: 'node.made', data: '1', eventId: 'node-1', key: 'k'});
	[seen.received] = await take(group, 1);
	seen.refusal = (await call(client.confirm,
		{event: 'node.made', eventId: 'node-1', group: 'node', success: false})).deliveries;
	seen.confirmation = (await call(client.confirm, {event: 'node.made', eventId: 'node-1', group: 'node'})).deliveries;
	seen.contradiction = await refused(client.confirm,
		{event: 'node.made', eventId: 'node-1', group: 'node', success: false});
	seen.batch = (await call(client.publishBatch,
		{events: [{event: 'node.b', data: '1'}, {event: 'a..b'}, {event: 'node.b', data: '2'}]})).outcomes;
	seen.stream = await publishStream([3, 4, 5].map((i) => ({event: 'node.b', data: `${i}`})));
	seen.shared = (await take(group, 5)).map((event) => event.data);
	group.cancel();
	const log = await subscribe({patterns: ['node.**'], after: '0'});
	const events = await take(log, 6);
	seen.log = events.map((event) => event.data);
	log.cancel();
	const resumed = await subscribe({patterns: ['node.**'], after: events[3].cursor});
	seen.resumed = (await take(resumed, 2)).map((event) => event.data);
	resumed.cancel();
	seen.data = data;
	process.stdout.write(JSON.stringify(seen));
	client.close();
})();
