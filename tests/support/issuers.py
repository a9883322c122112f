"""Outside issuers: their keys, their tokens by PyJWT, and where their keys are fetched."""

import base64
import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import programs

AUDIENCE = "junction-test"
CURVES = {"ES256": ("P-256", ec.SECP256R1, 32), "ES384": ("P-384", ec.SECP384R1, 48)}


def encode(number, size):
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()


class Key:
    """A key pair for an algorithm."""

    def __init__(self, algorithm, kid="key-1", bits=2048):
        self.algorithm, self.kid = algorithm, kid
        if algorithm in CURVES:
            self.private = ec.generate_private_key(CURVES[algorithm][1]())
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(65537, bits)

    def jwk(self, **members):
        """The public key; members: more of them, or None for one less."""
        public = self.private.public_key()
        if self.algorithm in CURVES:
            name, _, size = CURVES[self.algorithm]
            numbers = public.public_numbers()
            key = {"kty": "EC", "crv": name, "x": encode(numbers.x, size),
                   "y": encode(numbers.y, size)}
        elif self.algorithm == "EdDSA":
            key = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(public))
        else:
            numbers = public.public_numbers()
            key = {"kty": "RSA", "n": encode(numbers.n, (numbers.n.bit_length() + 7) // 8),
                   "e": encode(numbers.e, 3)}
        key.update({"kid": self.kid, "use": "sig"}, **members)
        return {name: value for name, value in key.items() if value is not None}

    def token(self, issuer, user="alice", algorithm=None, kid="", **claims):
        """kid None: none. claims: more of them, or None for one less."""
        now = int(time.time())
        said = {"iss": issuer, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + 600, **claims}
        kid = self.kid if kid == "" else kid
        return jwt.encode({name: value for name, value in said.items() if value is not None},
                          self.private, algorithm or self.algorithm,
                          headers={"kid": kid} if kid is not None else None)


def jwks(*keys):
    return json.dumps({"keys": [key.jwk() for key in keys]})


class Site(programs.Upstream):
    """Where keys are fetched. keys may be exchanged at any time, and so may answer, which gives
    another answer instead if it is not None."""

    def __init__(self, *keys, port=0):
        self.keys = keys
        self.answer = None
        super().__init__(self.serve, port)
        self.url = f"http://127.0.0.1:{self.port}/jwks.json"

    def serve(self, request):
        if self.answer:
            return self.answer(request)
        return 200, {"Content-Type": "application/jwk-set+json"}, jwks(*self.keys).encode()
