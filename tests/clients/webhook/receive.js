// What a subscriber does with Standard Webhooks' own library, and libsodium for sealed data.
// receive.js keys: a new key pair of X25519, as JSON, both base64.
// receive.js pushes FILE: reads [{"headers", "body", "secrets", "keys"}]; prints for each which of the
// secrets verify it, and what its sealed data says (null: it is not sealed, or not to that key).
"use strict";
const fs = require("fs");
const sodium = require("libsodium-wrappers");
const { Webhook } = require("standardwebhooks");

const [mode, file] = process.argv.slice(2);
const base64 = (bytes) => Buffer.from(bytes).toString("base64");

function verifies(secret, push) {
	try {
		new Webhook(secret).verify(push.body, push.headers);
		return true;
	} catch (error) {
		return false;
	}
}

function open(push) {
	const { $sealed } = JSON.parse(push.body).data ?? {};
	if (!$sealed || !push.keys)
		return null;
	try {
		return Buffer.from(sodium.crypto_box_seal_open(Buffer.from($sealed.box, "base64"),
			Buffer.from(push.keys.public, "base64"),
			Buffer.from(push.keys.private, "base64"))).toString("utf8");
	} catch (error) {
		return null;
	}
}

sodium.ready.then(() => {
	if (mode === "keys") {
		const pair = sodium.crypto_box_keypair();
		console.log(JSON.stringify({ public: base64(pair.publicKey), private: base64(pair.privateKey) }));
		return;
	}
	console.log(JSON.stringify(JSON.parse(fs.readFileSync(file, "utf8")).map((push) => ({
		verified: push.secrets.map((secret) => verifies(secret, push)),
		opened: open(push),
	}))));
});
