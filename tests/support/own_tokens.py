"""Access tokens as Junction issues them, by a key that the test has put into the database."""

import json
import time

import jwt
from cryptography.hazmat.primitives import serialization

import issuers

ISSUER = "junction"  # --token-issuer


def number(value):
    return issuers.encode(value, (value.bit_length() + 7) // 8)


class Key(issuers.Key):
    """One of Junction's own keys; it verifies, and another one signs what the server issues."""

    def put(self, database):
        database.rows(f"""INSERT INTO auth.token_key (id, algorithm, public_jwk, private_jwk, signs_from)
            VALUES ('{self.kid}', '{self.algorithm}', '{json.dumps(self.jwk())}',
                '{json.dumps(self.private_jwk())}', 'epoch')""")
        return self

    def private_jwk(self):
        key = self.jwk()
        if self.algorithm == "EdDSA":
            raw = self.private.private_bytes(serialization.Encoding.Raw,
                                             serialization.PrivateFormat.Raw,
                                             serialization.NoEncryption())
            key["d"] = issuers.encode(int.from_bytes(raw, "big"), len(raw))
            return key
        numbers = self.private.private_numbers()
        if self.algorithm in issuers.CURVES:
            key["d"] = issuers.encode(numbers.private_value, issuers.CURVES[self.algorithm][2])
            return key
        return {**key, "d": number(numbers.d), "p": number(numbers.p), "q": number(numbers.q),
                "dp": number(numbers.dmp1), "dq": number(numbers.dmq1), "qi": number(numbers.iqmp)}

    def claims(self, sub="user:alice", **claims):
        """claims: more of them, or None for one less."""
        now = int(time.time())
        said = {"iss": ISSUER, "aud": ISSUER, "sub": sub, "iat": now, "nbf": now, "exp": now + 600,
                "jti": "a token", **claims}
        return {name: value for name, value in said.items() if value is not None}

    def own(self, sub="user:alice", headers=None, **claims):
        """A token of Junction's, which bears this key's kid."""
        return jwt.encode(self.claims(sub, **claims), self.private, self.algorithm,
                          headers={"kid": self.kid, **(headers or {})})


def bearer(token):
    """What goes into the metadata."""
    return ("authorization", "Bearer " + token)
