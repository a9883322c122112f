// Shows /openapi.json: operations by tag, their schemas, and a form that calls them. Text from the
// document only ever becomes text of an element.
"use strict";

const SHOWN = 200000; // characters of an answer
const authorization = document.getElementById("authorization");
let api;

function make(tag, attributes, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes || {}))
		if (name.startsWith("on"))
			element.addEventListener(name.slice(2), value);
		else if (value !== undefined)
			element.setAttribute(name, value);
	element.append(...children.filter((child) => child !== undefined && child !== null));
	return element;
}

const paragraphs = (text) => (text || "").split("\n\n").map((part) => make("p", {}, part));

function resolve(node) {
	while (node && node.$ref)
		node = node.$ref.slice(2).split("/").reduce((at, key) => at[key], api);
	return node || {};
}

// --- schemas ----------------------------------------------------------------------------------

// An object whose members have any names; one of properties may allow other members beside them.
function isMap(schema) {
	return schema.additionalProperties && schema.additionalProperties !== true && !schema.properties;
}

function typeName(schema) {
	if (schema.$ref)
		return schema.$ref.split("/").pop();
	if (schema.const !== undefined)
		return JSON.stringify(schema.const);
	if (schema.enum)
		return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
	const choice = schema.oneOf || schema.anyOf;
	if (choice)
		return choice.map(typeName).join(" or ");
	if (schema.allOf)
		return schema.allOf.map(typeName).join(" with ");
	if (schema.type === "array")
		return "list of " + typeName(schema.items || {});
	if (isMap(schema))
		return "map of " + typeName(schema.additionalProperties);
	const type = [].concat(schema.type || "any JSON").join(" or ");
	return schema.contentEncoding || schema.format ? `${type} (${schema.contentEncoding || schema.format})` : type;
}

// What can be opened: [name, schema, required] of the members or choices of a schema.
function parts(schema) {
	const s = resolve(schema), choice = s.oneOf || s.anyOf;
	if (s.allOf)
		return s.allOf.flatMap(parts);
	if (choice)
		return choice.filter((c) => parts(c).length).map((c) => [null, c, false]);
	if (s.type === "array")
		return parts(s.items || {});
	const others = s.additionalProperties && s.additionalProperties !== true
		? [["\u2026", s.additionalProperties, false]] : [];
	return Object.entries(s.properties || {}).map(([name, value]) =>
		[name, value, (s.required || []).includes(name)]).concat(others);
}

function schemaList(schema) {
	return make("ul", { class: "schema" }, ...parts(schema).map(([name, part, required]) => {
		const title = [name === null ? "" : make("code", {}, name), " ",
			make("span", { class: "soft" }, typeName(part)), required ? make("em", {}, " required") : ""];
		const note = part.description ? make("span", { class: "note" }, part.description) : "";
		if (!parts(part).length)
			return make("li", {}, ...title, note);
		const inner = make("details", {}, make("summary", {}, ...title));
		inner.addEventListener("toggle", () => inner.append(schemaList(part)), { once: true });
		return make("li", {}, inner, note);
	}));
}

function schemaBox(schema) {
	return parts(schema).length ? schemaList(schema) : make("p", { class: "soft" }, typeName(schema));
}

// A value that the schema allows: what is required, or else all, but no message inside itself.
function example(schema, name = "text", seen = []) {
	const s = resolve(schema);
	if (s.const !== undefined || s.enum)
		return s.const !== undefined ? s.const : s.enum[0];
	if (s.anyOf || s.oneOf)
		return example((s.anyOf || s.oneOf)[0], name, seen);
	switch ([].concat(s.type)[0]) {
	case "array": return [example(s.items || {}, name, seen)];
	case "integer": case "number": return 1;
	case "boolean": return true;
	case "string": return s.contentEncoding ? "" : s.format === "date-time" ? "2026-01-01T00:00:00Z"
		: s.pattern ? (s.pattern.endsWith("s$") ? "1.5s" : "1") : name;
	case "object": break;
	default: return {};
	}
	if (seen.includes(s))
		return {};
	if (isMap(s))
		return { name: example(s.additionalProperties, name, [...seen, s]) };
	const object = {};
	for (const [key, value] of Object.entries(s.properties || {}))
		if (resolve(value) !== s && (!s.required || s.required.includes(key)))
			object[key] = example(value, key, [...seen, s]);
	return object;
}

// --- calling ----------------------------------------------------------------------------------

// Indents JSON text without reading it, so that no number is changed.
function indent(text) {
	let depth = 0, out = "";
	const line = () => "\n" + "  ".repeat(depth);
	for (const token of text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) || []) {
		if ("[{".includes(token)) {
			depth++;
			out += token + line();
		} else if ("]}".includes(token)) {
			depth--;
			out = /[[{]\s*$/.test(out) ? out.trimEnd() + token : out + line() + token;
		} else {
			out += token === "," ? token + line() : token === ":" ? ": " : token;
		}
	}
	return out;
}

const quote = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

function curlLine(call) {
	const headers = Object.entries(call.headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
	return ["curl", call.stream ? "-N" : "", call.verb === "GET" ? "" : `-X ${call.verb}`,
		quote(location.origin + call.path), ...headers,
		call.body === undefined ? "" : `--data-binary ${quote(call.body)}`].filter(Boolean).join(" ");
}

async function send(call, out, stop) {
	const status = make("p", {}, "\u2026"), headers = make("pre", {}), body = make("pre", { tabindex: "0" });
	out.replaceChildren(status);
	try {
		const answer = await fetch(call.path, { method: call.verb, headers: call.headers,
			body: call.body, signal: stop.signal });
		status.textContent = `${answer.status} ${answer.statusText}`;
		status.className = answer.ok ? "" : "failed";
		headers.textContent = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
		out.append(body, make("details", {}, make("summary", { class: "soft" }, "Headers"), headers));
		const reader = answer.body && answer.body.pipeThrough(new TextDecoderStream()).getReader();
		let text = "";
		for (let part; reader && text.length < SHOWN && !(part = await reader.read()).done;)
			body.textContent = text += part.value;
		if (text.length >= SHOWN)
			stop.abort();
		else if ((answer.headers.get("Content-Type") || "").startsWith("application/json"))
			body.textContent = indent(text);
	} catch (error) {
		status.textContent += ` ${error.name === "AbortError" ? "stopped" : error.message}`;
		status.className = "failed";
	}
}

// The form of an operation: its fields, what they amount to, and the answer.
function form(verb, path, operation, parameters) {
	const content = Object.entries(resolve(operation.requestBody).content || {})[0];
	const accepts = Object.keys(resolve(operation.responses["200"]).content || {});
	const inputs = parameters.map((p) => [p, make("input", { value: p.example, spellcheck: "false",
		autocomplete: "off", placeholder: p.in === "header" ? "" : typeName(p.schema) })]);
	const text = content && make("textarea", { spellcheck: "false", "aria-label": "Body" });
	const accept = accepts.length > 1 && make("select", { "aria-label": "Accept" },
		...accepts.map((type) => make("option", {}, type)));
	const curl = make("pre", {}), answer = make("div", { role: "status" });
	const variants = content ? content[1].schema.anyOf || [content[1].schema] : [];
	const fill = (schema) => {
		text.value = content[0].includes("json")
			? JSON.stringify(example(schema), null, content[1]["x-each-line"] ? 0 : 2) : "bytes";
		text.rows = Math.min(24, text.value.split("\n").length + 1);
	};
	const variant = variants.length > 1 && make("select", { "aria-label": "Form of the body",
		onchange: () => fill(variants[variant.selectedIndex]) },
		...variants.map((s, i) => make("option", {}, i ? typeName(s) : "one object")));

	function call() {
		const query = new URLSearchParams(), headers = {};
		let target = path;
		for (const [p, input] of inputs) {
			if (p.in === "path")
				target = target.replace(`{${p.name}}`, encodeURIComponent(input.value).replaceAll("%2F",
					p.name === "name" && path.startsWith("/protos/") ? "/" : "%2F"));
			else if (input.value !== "" && p.in === "header")
				headers[p.name] = input.value;
			else if (input.value !== "" && p.in === "query")
				for (const value of p.schema.type === "array" ? input.value.split(",") : [input.value])
					query.append(p.name, value);
		}
		if ((operation.security || []).length && authorization.value)
			headers.Authorization = authorization.value;
		if (accept)
			headers.Accept = accept.value;
		if (content)
			headers["Content-Type"] = content[0];
		return { verb: verb.toUpperCase(), path: target + (query.size ? "?" + query : ""), headers,
			body: text ? text.value : undefined, stream: Boolean(accept) };
	}
	let stop = new AbortController();
	const stopper = make("button", { type: "button", hidden: "", onclick: () => stop.abort() }, "Stop");
	async function submit(event) {
		event.preventDefault();
		stop.abort();
		stop = new AbortController();
		stopper.hidden = false;
		await send(call(), answer, stop);
		stopper.hidden = true;
	}
	const labels = (wanted) => inputs.filter(([p]) => wanted(p)).map(([p, input]) => make("label", {},
		make("span", {}, make("code", {}, p.name), " ", make("small", {}, p.in + (p.required ? ", required" : ""))),
		input, make("span", { class: "note" }, p.description || "")));
	const show = () => { curl.textContent = curlLine(call()); };
	authorization.addEventListener("input", show);
	if (text)
		fill(variants[0]);
	show();
	return make("form", { oninput: show, onchange: show, onsubmit: submit, autocomplete: "off" },
		parameters.some((p) => p.in !== "header") ? make("h3", {}, "Parameters") : "",
		...labels((p) => p.in !== "header"),
		parameters.some((p) => p.in === "header") ? make("details", {}, make("summary", {},
			make("h3", {}, "Headers \u25b8")), ...labels((p) => p.in === "header")) : "",
		content ? make("h3", {}, "Body ", make("small", {}, content[0])) : "",
		content ? schemaBox(content[1].schema) : "", variant || "", text || "",
		make("h3", {}, "Try"), accept || "", curl,
		make("div", { class: "row" }, make("button", { class: "send" }, "Send"), stopper), answer);
}

// --- the page ---------------------------------------------------------------------------------

function responses(operation) {
	const same = new Map();
	for (const [code, reference] of Object.entries(operation.responses))
		same.set(resolve(reference), [...same.get(resolve(reference)) || [], code]);
	return [...same].flatMap(([response, codes]) => {
		const content = Object.entries(response.content || {});
		return [make("p", {}, make("code", {}, codes.join(", ")), " ", response.description),
			...content.flatMap(([type, media]) => [
				content.length > 1 ? make("p", { class: "soft" }, type, make("span", { class: "note" },
					(media.schema || {}).description || "")) : "", schemaBox(media.schema || {})])];
	});
}

function operationBox(verb, path, item, operation) {
	const box = make("details", { class: "operation", id: operation.operationId },
		make("summary", {}, make("b", { class: "verb " + verb }, verb.toUpperCase()),
			make("code", {}, path), make("span", {}, operation.summary)));
	const parameters = [...(item.parameters || []), ...(operation.parameters || [])].map(resolve);
	box.addEventListener("toggle", () => box.append(make("div", {}, ...paragraphs(operation.description),
		form(verb, path, operation, parameters), make("h3", {}, "Answers"), ...responses(operation))),
		{ once: true });
	box.dataset.text = [verb, path, operation.operationId, operation.summary, operation.description]
		.join(" ").toLowerCase();
	return box;
}

function show() {
	document.getElementById("version").textContent = api.info.version;
	document.getElementById("intro").append(...paragraphs(api.info.description));
	for (const tag of api.tags) {
		const boxes = Object.entries(api.paths).flatMap(([path, item]) => Object.entries(item)
			.filter(([, operation]) => (operation.tags || []).includes(tag.name))
			.map(([verb, operation]) => operationBox(verb, path, item, operation)));
		document.getElementById("operations").append(make("section", {}, make("h2", {}, tag.name),
			make("p", {}, tag.description || ""), ...boxes));
	}
}

function filter(text) {
	const words = text.toLowerCase().split(/\s+/);
	let found = 0;
	for (const section of document.querySelectorAll("#operations section")) {
		let here = 0;
		for (const box of section.querySelectorAll(".operation")) {
			box.hidden = !words.every((word) => box.dataset.text.includes(word));
			here += !box.hidden;
		}
		section.hidden = !here;
		found += here;
	}
	document.getElementById("none").hidden = found > 0;
}

function openLinked() {
	const box = document.getElementById(decodeURIComponent(location.hash.slice(1)));
	if (box && box.classList.contains("operation")) {
		box.open = true;
		box.scrollIntoView();
	}
}

async function start() {
	const search = document.getElementById("search");
	search.addEventListener("input", () => filter(search.value));
	document.addEventListener("keydown", (event) => {
		if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) {
			event.preventDefault();
			search.focus();
		}
	});
	addEventListener("hashchange", openLinked);
	try {
		api = await (await fetch("/openapi.json")).json();
		show();
		openLinked();
	} catch (error) {
		document.getElementById("intro").append(`/openapi.json: ${error.message}`);
	}
}

start();
