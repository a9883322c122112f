// Keeps a node of a service registered and shows what changes, until Enter is pressed.
//
//     node node.js 127.0.0.1:50051 demo 8080 PROTO_FOLDER...
//
// Needs @grpc/grpc-js and @grpc/proto-loader; the folders are those of junction/v1/registry.proto
// and google/protobuf. A server that asks who calls wants JUNCTION_KEY_FILE to name a key of "junction
// create-key".
'use strict';
const fs = require('fs');
const os = require('os');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, service, port, ...folders] = process.argv.slice(2);
const definition = loader.loadSync('junction/v1/registry.proto', {includeDirs: folders});
const {Registry} = grpc.loadPackageDefinition(definition).junction.v1;
const registry = new Registry(target, grpc.credentials.createInsecure());
const node = `${os.hostname()}-${Date.now()}`;
const leaseMs = 10000;
const shown = new grpc.Metadata();
let stopping = false;
let timer;

if (process.env.JUNCTION_KEY_FILE) {
	const {accessKeyId, secret} = JSON.parse(fs.readFileSync(process.env.JUNCTION_KEY_FILE));
	shown.set('authorization', `Basic ${Buffer.from(`${accessKeyId}:${secret}`).toString('base64')}`);
}

const call = (method, request) => new Promise((resolve, reject) => {
	registry[method](request, shown, {deadline: Date.now() + 5000},
		(error, answer) => (error ? reject(error) : resolve(answer)));
});

const keep = async (registered) => {
	let pause = leaseMs / 3;
	try {
		if (registered) {
			await call('heartbeat', {service, node});
		} else {
			await call('registerNode', {service, node, host: '127.0.0.1', port: Number(port), leaseMs});
			console.log('registered', node);
		}
		registered = true;
	} catch (error) {
		console.log('troubled', error.details);
		registered = registered && error.code !== grpc.status.NOT_FOUND;
		pause = registered ? 1000 : 100;
	}
	if (!stopping)
		timer = setTimeout(keep, pause, registered);
};

const watch = (after) => {
	const stream = registry.watch({after}, shown);
	stream.on('data', (message) => {
		after = message.cursor;
		message.changes.forEach((change) => console.log('change of', change.service));
	});
	stream.on('error', () => {});
	stream.on('status', () => stopping || setTimeout(watch, 1000, after));
};

process.stdin.once('data', async () => {
	stopping = true;
	clearTimeout(timer);
	await call('deregisterNode', {service, node});
	process.exit();
});
keep(false);
watch('');
