"""Keys and signatures of parties by the openssl command line, as another site makes them."""

import base64
import os
import subprocess
import tempfile
import time

import programs


def openssl(*arguments, stdin=b""):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return done.stdout


class KeyPair:
    """kind: "rsa", "ed25519", or another that openssl genpkey knows."""

    def __init__(self, kind, bits=2048):
        options = ["-pkeyopt", f"rsa_keygen_bits:{bits}"] if kind.startswith("rsa") else []
        if kind == "ec":
            options = ["-pkeyopt", "ec_paramgen_curve:P-256"]
        algorithm = {"rsa": "RSA", "rsa-pss": "RSA-PSS", "ec": "EC", "ed25519": "ED25519"}[kind]
        self.kind = kind
        self.private = openssl("genpkey", "-algorithm", algorithm, *options).decode()
        self.public = openssl("pkey", "-pubout", stdin=self.private.encode()).decode()

    def sign(self, data):
        """In base64."""
        with tempfile.TemporaryDirectory(prefix="jt-sign-") as folder:
            key, file = os.path.join(folder, "key"), os.path.join(folder, "data")
            with open(key, "w", encoding="ascii") as out:
                out.write(self.private)
            with open(file, "wb") as out:
                out.write(data)
            if self.kind == "ed25519":
                raw = openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file)
            else:
                raw = openssl("dgst", "-sha256", "-sign", key, file)
        return base64.b64encode(raw).decode()


def key_id(public):
    der = openssl("pkey", "-pubin", "-outform", "DER", stdin=public.encode())
    return openssl("dgst", "-sha256", "-r", stdin=der).decode().split()[0]


def verifies(public, data, signature):
    """Whether openssl takes the signature for the key's."""
    with tempfile.TemporaryDirectory(prefix="jt-sign-") as folder:
        paths = [os.path.join(folder, name) for name in ("key", "data", "signature")]
        for path, content in zip(paths, (public.encode(), data, base64.b64decode(signature,
                                                                               validate=True))):
            with open(path, "wb") as out:
                out.write(content)
        key, file, given = paths
        if "ED25519" in openssl("pkey", "-pubin", "-in", key, "-noout", "-text").decode():
            arguments = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, "-in", file,
                         "-sigfile", given]
        else:
            arguments = ["dgst", "-sha256", "-verify", key, "-signature", given, file]
        done = subprocess.run(["openssl", *arguments], capture_output=True, check=False)
        return done.returncode == 0


def list_keys(auth, stubs, party=""):
    return list(auth.ListPartyKeys(stubs.auth.ListPartyKeysRequest(party_id=party)).keys)


def wait_for_keys(auth, stubs, party, count=1):
    """Returns the party's keys when it has so many: they are made in the background."""
    end = time.monotonic() + programs.WAIT
    while len(keys := list_keys(auth, stubs, party)) < count:
        assert time.monotonic() < end, f"no key pair of party {party} was made"
        time.sleep(0.02)
    return keys
