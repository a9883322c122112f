"""How FATE Flow's clients sign their requests, written anew in Python from its documents and its server
(hook/flow/client_authentication.py of 1.11)."""

import base64
import hashlib
import hmac
import time
import urllib.parse
import uuid


def signed(path, body=b"", form=None, secret="", app="", nonce=None, at=None):
    """The headers of a client's request; body: only if it is JSON and not {}."""
    headers = {"TIMESTAMP": str(round((time.time() if at is None else at) * 1000)),
               "NONCE": nonce or str(uuid.uuid1()), "APP_KEY": app}
    lines = [headers["TIMESTAMP"].encode(), headers["NONCE"].encode(), app.encode(),
             path.rstrip("?").encode(), body,
             urllib.parse.urlencode(sorted(form.items()), quote_via=urllib.parse.quote,
                                    safe="-._~").encode() if form else b""]
    headers["SIGNATURE"] = base64.b64encode(
        hmac.new(secret.encode(), b"\n".join(lines), hashlib.sha1).digest()).decode()
    return headers
