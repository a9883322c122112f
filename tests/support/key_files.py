"""Key files of servers, and what was sealed with them, opened by libsodium itself."""

import base64
import ctypes
import os


class KeyFile:
    """add(name) adds a line with a new key, which is the one to seal with from then on."""

    def __init__(self, folder):
        self.path = folder / "keys"
        self.lines = ["# of a test\n"]
        self.keys = {}

    def add(self, name, key=None):
        self.keys[name] = key or os.urandom(32)
        self.lines.append(f"{name} {base64.b64encode(self.keys[name]).decode()}\n")
        self.path.write_text("".join(self.lines))
        self.path.chmod(0o600)
        return self.keys[name]


def unseal(key, sealed, additional):
    """Nonce and XChaCha20-Poly1305."""
    sodium = ctypes.CDLL("libsodium.so.23")
    nonce, data = sealed[:24], sealed[24:]
    plain = ctypes.create_string_buffer(len(data))
    size = ctypes.c_ulonglong()
    assert sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain, ctypes.byref(size), None, data, ctypes.c_ulonglong(len(data)), additional,
        ctypes.c_ulonglong(len(additional)), nonce, key) == 0
    return plain.raw[:size.value]
