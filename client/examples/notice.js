// Sends a notice to users, parted by commas, and prints how it stands with them.
//
//     node notice.js 127.0.0.1:50051 alice,bob "Your order has been sent" PROTO_FOLDER...
//
// Needs @grpc/grpc-js and @grpc/proto-loader; the folders are those of junction/v1/notice.proto and
// google/protobuf. A server that asks who calls wants JUNCTION_KEY_FILE to name a key of "junction
// create-key".
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, users, message, ...folders] = process.argv.slice(2);
const definition = loader.loadSync('junction/v1/notice.proto', {includeDirs: folders, enums: String});
const {Notice} = grpc.loadPackageDefinition(definition).junction.v1;
const notices = new Notice(target, grpc.credentials.createInsecure());
const shown = new grpc.Metadata();

if (process.env.JUNCTION_KEY_FILE) {
	const {accessKeyId, secret} = JSON.parse(fs.readFileSync(process.env.JUNCTION_KEY_FILE));
	shown.set('authorization', `Basic ${Buffer.from(`${accessKeyId}:${secret}`).toString('base64')}`);
}

const call = (method, request) => new Promise((resolve, reject) => {
	notices[method](request, shown, {deadline: Date.now() + 10000},
		(error, answer) => (error ? reject(error) : resolve(answer)));
});

// Sent again with the same key, as it may be after a failure, it is still one notice.
const send = async (request, attempts) => {
	try {
		return await call('send', request);
	} catch (error) {
		const again = [grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED].includes(error.code);
		if (!again || attempts <= 1) throw error;
		return send(request, attempts - 1);
	}
};

(async () => {
	const {noticeId} = await send({sender: 'example', title: 'Example', message, users,
		idempotencyKey: crypto.randomUUID()}, 5);
	console.log('sent', noticeId);
	const {counts} = await call('getNotice', {noticeId});
	for (const {channel, state, count} of counts)
		console.log(channel, state.replace('NOTICE_STATE_', '').toLowerCase(), String(count));
	process.exit();
})();
