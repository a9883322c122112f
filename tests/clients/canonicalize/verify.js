// Reads lines {"body": JSON text, "signature": base64} and verifies each signature over what
// canonicalize makes of the body. Prints the numbers of the lines that are wrong, as JSON.
"use strict";
const canonicalize = require("canonicalize");
const crypto = require("crypto");
const fs = require("fs");

const [keyFile, linesFile] = process.argv.slice(2);
const key = crypto.createPublicKey(fs.readFileSync(keyFile));
const wrong = [];
fs.readFileSync(linesFile, "utf8").trimEnd().split("\n").forEach((line, number) => {
	const { body, signature } = JSON.parse(line);
	const bytes = Buffer.from(canonicalize(JSON.parse(body)), "utf8");
	if (!crypto.verify(null, bytes, key, Buffer.from(signature, "base64")))
		wrong.push(number);
});
console.log(JSON.stringify(wrong));
