// An auditor by grpc-js over the .proto files: writes, reads page by page both ways, exports. What it
// saw is one JSON object on standard output.
//
//     node audit.js ADDRESS PROTO_FOLDER...
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, ...folders] = process.argv.slice(2);
const definition = loader.loadSync('junction/v1/audit.proto',
	{includeDirs: folders, keepCase: false, longs: String, enums: String, defaults: true, oneofs: true});
const {Audit} = grpc.loadPackageDefinition(definition).junction.v1;
const client = new Audit(address, grpc.credentials.createInsecure());

const record = (i, more = {}) => ({
	optType: i, resultType: 0, content: `第 ${i} 次巡检`, sourceNode: 'node-js',
	namespace: 'clients-node', severity: i % 2 ? 'warning' : 'info', ext: `{"i": ${i}.0}`, ...more,
});

const call = (method, request) => new Promise((resolve, reject) => {
	method.call(client, request, (error, answer) => (error ? reject(error) : resolve(answer)));
});

const stream = (records) => new Promise((resolve, reject) => {
	const sink = client.writeStream((error, answer) => (error ? reject(error) : resolve(answer)));
	records.forEach((each) => sink.write(each));
	sink.end();
});

const exported = (request) => new Promise((resolve, reject) => {
	const pieces = [];
	const source = client.export(request);
	source.on('data', (body) => pieces.push(body));
	source.on('error', reject);
	source.on('end', () => resolve({
		type: pieces[0].contentType,
		text: Buffer.concat(pieces.map((body) => body.data || Buffer.alloc(0))).toString(),
	}));
});

const pages = async (request, prevQuery) => {
	const found = [];
	for (let more = true; more;) {
		request.prevQuery = prevQuery ? 'true' : '';
		const {result} = await call(client.find, request);
		found.push(result.records.map((each) => each.optType));
		request.continuationPoint = result.continuationPoint;
		more = prevQuery ? result.hasPrev : result.hasNext;
	}
	return found;
};

(async () => {
	const seen = {};
	seen.first = (await call(client.write, {...record(0), idempotencyKey: 'k'})).results[0];
	seen.again = (await call(client.write, {...record(0), idempotencyKey: 'k'})).results[0];
	seen.batch = (await call(client.writeBatch,
		{records: [record(1), record(2, {severity: 'loud'}), record(2)]})).outcomes;
	seen.stream = await stream([3, 4, 5, 6].map((i) => record(i)));
	const range = {startTime: '0', endTime: '253402300799999'};
	const filter = {
		expr: [{field: 'namespace', operator: 'Equal', value: ['"clients-node"']},
			{field: 'message', operator: 'MatchPhrase', value: ['"巡检"']}],
	};
	const request = {...range, filter, maxSize: 3};
	seen.forward = await pages(request, false);
	seen.backward = await pages(request, true);
	seen.refused = await call(client.find, {...range, filter: {expr: [
		{field: 'optType', operator: 'Between', value: ['1', '"x"']}]}}).catch((e) => e.details);
	seen.fields = (await call(client.find, {...range, filter, maxSize: 1, fields: ['id', 'ext.i']}))
		.result.records[0];
	seen.export = await exported({...range, filter, format: 'EXPORT_FORMAT_CSV', fields: ['optType']});
	process.stdout.write(JSON.stringify(seen));
	client.close();
})();
