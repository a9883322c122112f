"""What the built-in provider signs is what another implementation of RFC 8785 makes of a body: the
npm package canonicalize, over random JSON and the numbers that are hardest to print."""

import concurrent.futures
import json
import math
import os
import random
import struct

import pytest

import npm
import parties
import programs

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "canonicalize")
BODIES = 1000
# Around what UTF-16 and UTF-8 sort differently, what is escaped, and what is neither.
CHARACTERS = [0, 1, 8, 9, 10, 12, 13, 31, 34, 47, 92, 97, 98, 127, 128, 0x20ac, 0xd7ff, 0xe000,
              0xfb33, 0xffff, 0x10000, 0x1f600, 0x10ffff]


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--own-party", "1:ed25519")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def auth(channel, stubs):
    return stubs.auth_grpc.AuthStub(channel)


@pytest.fixture(scope="module")
def verify():
    """verify(public key, lines) -> numbers of those that canonicalize sees otherwise."""
    with npm.installed(HERE) as folder:
        def verify(public, lines):
            for name, text in (("key", public), ("lines", "\n".join(map(json.dumps, lines)))):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            return json.loads(npm.run(folder, "verify.js", "key", "lines"))
        yield verify


class Bodies:
    """Random JSON texts, each value written in one of many ways."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def double(self):
        while True:
            bits = self.random.getrandbits(64)
            if self.random.random() < 0.2:  # a power of two, or beside one
                bits = bits & 0xfff << 52 | self.random.choice([0, 1, (1 << 52) - 1])
            number, = struct.unpack("<d", struct.pack("<Q", bits))
            if math.isfinite(number):
                return number

    def number(self):
        r = self.random
        kind = r.random()
        if kind < 0.3:
            return str(r.randint(-2**53, 2**53) >> r.randint(0, 50))
        if kind < 0.5:
            return "%.*f" % (r.randint(1, 8), r.uniform(-1, 1) * 10 ** r.randint(-8, 21))
        if kind < 0.6:
            return "%d%s%s%d" % (r.randint(-99, 99), r.choice("eE"), r.choice(["", "+", "-"]),
                                 r.randint(0, 300))
        # More digits than a double has are allowed beside a fraction or an exponent.
        number = self.double()
        text = "%.*e" % (r.choice([0, 5, 15, 16, 17, 25]), number)
        return text if math.isfinite(float(text)) else repr(number)

    def string(self):
        r = self.random
        out = []
        for _ in range(r.randint(0, 8)):
            code = r.choice(CHARACTERS)
            plain = json.dumps(chr(code), ensure_ascii=r.random() < 0.5)[1:-1]
            if code < 0x10000 and r.random() < 0.3:
                plain = "\\u%04X" % code if r.random() < 0.5 else "\\u%04x" % code
            out.append(plain)
        return '"' + "".join(out) + '"'

    def value(self, depth=0):
        r = self.random
        kind = r.random()
        if depth < 5 and kind < (0.9 if depth == 0 else 0.4):
            values = [self.value(depth + 1) for _ in range(r.randint(0, 10))]
            blank = r.choice(["", " ", "\n\t"])
            if r.random() < 0.5:
                return "[" + (blank + "," + blank).join(values) + "]"
            names = {json.loads(name): name for name in (self.string() for _ in values)}
            return "{" + ("," + blank).join(f"{name}{blank}:{blank}{value}" for name, value in
                                            zip(names.values(), values)) + "}"
        if kind < 0.8:
            return self.number()
        return self.string() if kind < 0.95 else r.choice(["null", "true", "false"])


@pytest.mark.parametrize("seed", [1, random.SystemRandom().randrange(10**9)])
def test_both_sign_the_same_bytes(auth, stubs, verify, seed):
    bodies = Bodies(seed)
    public = parties.wait_for_keys(auth, stubs, "1")[0].public_key
    texts = [f"[{bodies.value()}]" for _ in range(BODIES)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        signatures = pool.map(lambda text: auth.Signature(stubs.auth.SignatureRequest(
            party_id="1", body=text)).data, texts)
        lines = [{"body": text, "signature": signature}
                 for text, signature in zip(texts, signatures)]
    wrong = verify(public, lines)
    assert wrong == [], f"seed {seed}: {lines[wrong[0]]['body']}"
    # It would tell.
    assert verify(public, [{"body": "[1]", "signature": lines[0]["signature"]}]) == [0]
