// Verifies tokens by Junction's keys, as they are fetched and as they are given:
// node jwks.js URL ISSUER TOKEN...
const {createLocalJWKSet, createRemoteJWKSet, importJWK, jwtVerify} = require('jose')

async function main() {
	const [url, issuer, ...tokens] = process.argv.slice(2)
	const set = await (await fetch(url)).json()
	const sources = {remote: createRemoteJWKSet(new URL(url)), local: createLocalJWKSet(set)}
	const seen = {types: (await Promise.all(set.keys.map((key) => importJWK(key)))).map((k) => k.type)}
	for (const name of Object.keys(sources)) {
		seen[name] = []
		for (const token of tokens) {
			const {payload, protectedHeader} = await jwtVerify(token, sources[name],
				{issuer, audience: issuer, requiredClaims: ['exp', 'sub']})
			seen[name].push([protectedHeader.alg, payload.sub])
		}
	}
	process.stdout.write(JSON.stringify(seen))
}

main()
