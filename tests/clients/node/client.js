// A client by grpc-js over the .proto files: each kind of call, and what comes back of it, as one
// JSON object on standard output.
//
//     node client.js ADDRESS PROTO_FOLDER...
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, ...folders] = process.argv.slice(2);
const definition = loader.loadSync('junction/v1/trial.proto',
	{includeDirs: folders, keepCase: true, longs: String, enums: String});
const {Trial} = grpc.loadPackageDefinition(definition).junction.v1;
const client = new Trial(address, grpc.credentials.createInsecure());

const failure = (error) => ({
	code: error.code,
	details: error.details,
	status: error.metadata.get('grpc-status-details-bin').map((b) => b.toString('hex')),
});

const unary = (method, request) => new Promise((resolve) => {
	method.call(client, request, (error, answer) => resolve(error ? failure(error) : answer));
});

// All that a stream brings, and its status.
const read = (call, each = () => {}) => new Promise((resolve) => {
	const answers = [];
	call.on('data', (answer) => {
		answers.push(answer);
		each(answer);
	});
	call.on('error', () => {});
	call.on('status', (status) => resolve({answers, ...failure(status)}));
});

const write = (method, requests) => new Promise((resolve) => {
	const call = method.call(client, (error, answer) => resolve(error ? failure(error) : answer));
	requests.forEach((request) => call.write(request));
	call.end();
});

const chat = () => {
	const call = client.Chat();
	const texts = ['one', '', '\u4eca'];
	const step = () => (texts.length ? call.write({text: texts.shift()}) : call.end());
	step();
	return read(call, step);
};

const cancelled = () => {
	const call = client.Count({count: '1000000000000'});
	return read(call, (answer) => answer.number === '3' && call.cancel());
};

(async () => {
	const result = {
		unary: await unary(client.Echo, {int64_value: '9007199254740993', string_value: '\u4eca'}),
		unary_failure: await write(client.Sum, [{number: '-1'}]),
		server_stream: await read(client.Count({count: '3', fail_code: 9})),
		refused_stream: await read(client.Count({count: '-1'})),
		client_stream: await write(client.Sum, [{number: '1'}, {number: '9007199254740992'}]),
		both: await chat(),
		cancelled: await cancelled(),
	};
	result.cancelled.answers = result.cancelled.answers.slice(0, 3);
	process.stdout.write(JSON.stringify(result));
	client.close();
})();
