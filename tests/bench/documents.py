"""The JSON that the area json reads: messages of the type junction.v1.Everything, the same each
time."""

import base64
import json
import random

SENTENCES = [
    "Registers the address of a server, or replaces it.",
    "服务注册中心：统一登记服务器与服务的地址。",
    "a \"quoted\" path C:\\data\\联邦\\part-0",
    "line one\nline two\ttabbed\r\n",
    "żółw, naïve, Ω≈ç√ — and 😀 beyond the first plane",
    "https://node-17.example.org:8443/v1/party/9999/model?version=3&format=json",
]


def registration(n):
    """As large as what a service says of itself."""
    return {"stringValue": f"service-{n}", "another-name": "10.20.30.40", "int32Value": 8000 + n % 1000,
            "optionalString": "https", "boolValue": True, "int64Value": str(10**12 + n),
            "mapString": {"version": "1.4.2", "zone": "上海"}, "repeatedInt32": [80, 443]}


def node(n, pick):
    """A bit of everything."""
    return registration(n) | {
        "stringValue": f"{pick.choice(SENTENCES)} {n}",
        "uint64Value": str(pick.getrandbits(64)), "sint64Value": str(-pick.getrandbits(50)),
        "uint32Value": pick.getrandbits(32), "sint32Value": -pick.getrandbits(20),
        "fixed32Value": pick.getrandbits(16), "fixed64Value": str(pick.getrandbits(60)),
        "sfixed32Value": -n - 1, "sfixed64Value": str(-n - 1),
        "doubleValue": pick.uniform(-1e6, 1e6), "floatValue": pick.randrange(1, 4096) / 8,
        "bytesValue": base64.b64encode(pick.randbytes(24)).decode(), "enumValue": "COLOR_RED",
        "repeatedInt32": [pick.randrange(-1000, 100000) for _ in range(8)],
        "repeatedString": pick.sample(SENTENCES, 3),
        "mapString": {f"key-{k}": pick.choice(SENTENCES) for k in range(4)},
        "mapBool": {"true": n}, "choiceInt64": str(n),
        "timestamp": f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}T08:30:{n % 60:02}.{n % 1000:03}Z",
        "duration": f"{n % 90}.5s", "doubleWrapper": n / 4}


def text(value, ascii_only=False):
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))


def small():
    """About 200 bytes."""
    return text(registration(17))


def large():
    """About 100 KiB: a list of messages and a map of them; every fourth is all in ASCII, with \\u
    escapes."""
    pick = random.Random(2)
    nodes = [text(node(n, pick), ascii_only=n % 4 == 0) for n in range(84)]
    half = len(nodes) // 2
    entries = ",".join(f'"{n}":{value}' for n, value in enumerate(nodes[half:]))
    return f'{{"repeatedMessage":[{",".join(nodes[:half])}],"mapMessage":{{{entries}}}}}'
