// Receives the events of a group, confirms each that it has printed, and publishes one, until Enter
// is pressed.
//
//     node event.js 127.0.0.1:50051 orders PROTO_FOLDER...
//
// Needs @grpc/grpc-js and @grpc/proto-loader; the folders are those of junction/v1/event.proto and
// google/protobuf. A server that asks who calls wants JUNCTION_KEY_FILE to name a key of "junction
// create-key".
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, group, ...folders] = process.argv.slice(2);
const definition = loader.loadSync('junction/v1/event.proto', {includeDirs: folders});
const {Event} = grpc.loadPackageDefinition(definition).junction.v1;
const events = new Event(target, grpc.credentials.createInsecure());
const shown = new grpc.Metadata();

if (process.env.JUNCTION_KEY_FILE) {
	const {accessKeyId, secret} = JSON.parse(fs.readFileSync(process.env.JUNCTION_KEY_FILE));
	shown.set('authorization', `Basic ${Buffer.from(`${accessKeyId}:${secret}`).toString('base64')}`);
}

const call = (method, request) => new Promise((resolve, reject) => {
	events[method](request, shown, {deadline: Date.now() + 10000},
		(error, answer) => (error ? reject(error) : resolve(answer)));
});

// An event that was not confirmed comes again: what is done with it must bear that.
const receive = (subscribed) => {
	const stream = events.subscribe({group, patterns: [`${group}.*`]}, shown);
	stream.on('metadata', subscribed); // from now on the group gets what is published
	stream.on('data', async ({event, eventId, data}) => {
		console.log('received', event, data);
		await call('confirm', {event, eventId, group}).catch((error) => console.log('troubled', error.details));
	});
	stream.on('error', (error) => console.log('troubled', error.details));
	stream.on('status', () => setTimeout(receive, 1000, () => {}));
};

process.stdin.once('data', () => process.exit());
receive(async () => {
	// Published again with the same id, as it may be after a failure, it is still one event.
	const {eventId} = await call('publish', {event: `${group}.created`, eventId: crypto.randomUUID(),
		data: JSON.stringify({number: 1})});
	console.log('published', eventId);
});
