// The same questions as Junction's, put to casbin: RBAC with inheritance by groups, deny wins.
//
// usage: node check.js FOLDER MILLISECONDS   FOLDER: policy.csv and questions.csv
// prints {"load_ms":, "asked":, "allowed": [bool...], "p50_us":, "p99_us":, "mb":}; asks as many as
// it can within the time, each twice at most
import { readFileSync } from 'node:fs';
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin';

const MODEL = `
[request_definition]
r = sub, svc, act, method
[policy_definition]
p = sub, svc, act, method, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && (p.svc == "*" || p.svc == r.svc) && (p.method == "*" || p.method == r.method) && globMatch(r.act, p.act)
`;

const [folder, milliseconds] = process.argv.slice(2);
const questions = readFileSync(`${folder}/questions.csv`, 'utf8').trim().split('\n')
	.map((line) => line.split(','));
const began = performance.now();
const enforcer = await newEnforcer(newModelFromString(MODEL),
	new StringAdapter(readFileSync(`${folder}/policy.csv`, 'utf8')));
const loaded = performance.now();
const allowed = [];
const times = [];
for (const question of questions) {
	const before = performance.now();
	allowed.push(await enforcer.enforce(...question));
	times.push((performance.now() - before) * 1000);
	if (performance.now() - loaded > Number(milliseconds))
		break;
}
times.sort((a, b) => a - b);
console.log(JSON.stringify({
	load_ms: loaded - began, asked: times.length, allowed,
	p50_us: times[Math.floor(times.length / 2)], p99_us: times[Math.floor(times.length * 99 / 100)],
	mb: process.memoryUsage().rss / 1e6,
}));
