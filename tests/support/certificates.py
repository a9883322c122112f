"""Certificates for tests, made by the openssl command line as an operator would."""

import os
import shutil
import ssl
import subprocess
import tempfile


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def lock(key, path):
    """Writes the key with a passphrase."""
    openssl("ec", "-in", key, "-aes256", "-passout", "pass:secret", "-out", path)


class Pair:
    """A certificate and its key, as files that another pair's content can be put into."""

    def __init__(self, cert, key):
        self.cert = cert
        self.key = key

    def become(self, other):
        """Takes the other's content, each file at one stroke, as renewals do."""
        for new, old in ((other.cert, self.cert), (other.key, self.key)):
            replace(old, read(new))

    @property
    def serial(self):
        done = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", self.cert],
                              check=True, capture_output=True, text=True)
        return done.stdout.strip().split("=")[1]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def replace(path, content):
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.rename(path + ".new", path)


class Authority:
    """Signs certificates. All its files lie in a folder that remove() takes away."""

    def __init__(self, name="Test Authority"):
        self.folder = tempfile.mkdtemp(prefix="jt-tls-", dir="/tmp")
        self.count = 0
        self.cert = os.path.join(self.folder, "authority.pem")
        self.key = os.path.join(self.folder, "authority.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.cert, "-subj", f"/CN={name}", "-days", "30")

    def issue(self, name, alternatives="DNS:localhost,IP:127.0.0.1", days=30, usage=None):
        """For common name and alternative names ("" is none); days -1: it has expired; usage: all
        that it may be used for."""
        self.count += 1
        stem = os.path.join(self.folder, f"{self.count}-{name}")
        pair = Pair(stem + ".pem", stem + ".key")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                pair.key, "-out", stem + ".csr", "-subj", f"/CN={name}")
        with open(stem + ".ext", "w", encoding="ascii") as extensions:
            extensions.write("basicConstraints=CA:FALSE\n")
            if usage:
                extensions.write(f"extendedKeyUsage={usage}\n")
            if alternatives:
                extensions.write(f"subjectAltName={alternatives}\n")
        openssl("x509", "-req", "-in", stem + ".csr", "-CA", self.cert, "-CAkey", self.key,
                "-CAcreateserial", "-days", str(days), "-extfile", stem + ".ext", "-out", pair.cert)
        return pair

    def context(self, client=None):
        """How a client of Python's ssl verifies our certificates, and what it shows."""
        context = ssl.create_default_context(cafile=self.cert)
        if client:
            context.load_cert_chain(client.cert, client.key)
        return context

    def remove(self):
        shutil.rmtree(self.folder)
