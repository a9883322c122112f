// A client by grpc-js that must show who it is: what comes of each call, as one JSON object on
// standard output.
//
//     node auth.js ADDRESS ACCESS_KEY_ID SECRET PROTO_FOLDER...
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, accessKeyId, secret, ...folders] = process.argv.slice(2);
const definition = loader.loadSync(['junction/v1/auth.proto', 'junction/v1/registry.proto'],
	{includeDirs: folders, longs: String, enums: String});
const {Auth, Registry} = grpc.loadPackageDefinition(definition).junction.v1;
const insecure = grpc.credentials.createInsecure();
const auth = new Auth(address, insecure);
const registry = new Registry(address, insecure);

const showing = (authorization) => {
	const metadata = new grpc.Metadata();
	if (authorization)
		metadata.set('authorization', authorization);
	return metadata;
};

const failure = (error) => ({code: error.code, details: error.details});

const call = (client, method, request, metadata) => new Promise((resolve) => {
	client[method](request, metadata, (error, answer) => resolve(error ? failure(error) : answer));
});

// The first message of a stream, or why there is none.
const first = (metadata) => new Promise((resolve) => {
	const stream = registry.watch({}, metadata);
	stream.on('data', (message) => {
		resolve({cursor: message.cursor});
		stream.cancel();
	});
	stream.on('error', () => {});
	stream.on('status', (status) => resolve(failure(status)));
});

// All that one who shows that may and may not.
const tryAll = async (metadata) => ({
	who: await call(auth, 'whoAmI', {}, metadata),
	read: await call(registry, 'listServers', {}, metadata),
	write: await call(registry, 'registerServer', {serverName: 'js', host: '10.0.0.1', port: 1}, metadata),
	stream: await first(metadata),
});

(async () => {
	const tokens = await call(auth, 'issueToken', {accessKeyId, secret}, showing());
	const basic = Buffer.from(`${accessKeyId}:${secret}`).toString('base64');
	const result = {
		nobody: await tryAll(showing()),
		bearer: await tryAll(showing(`Bearer ${tokens.accessToken}`)),
		basic: await tryAll(showing(`Basic ${basic}`)),
		wrong: await tryAll(showing('Bearer x.y.z')),
		refreshed: await call(auth, 'refresh', {refreshToken: tokens.refreshToken}, showing()),
	};
	result.renewed = await tryAll(showing(`Bearer ${result.refreshed.accessToken}`));
	process.stdout.write(JSON.stringify(result));
	auth.close();
	registry.close();
})();
