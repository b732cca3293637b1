# SPDX-License-Identifier: GPL-2.0
"""Certificates made with openssl, right or wrong, for tests of who gets in."""

import hashlib
import os
import subprocess

from .ktap import expect_equal

CA_CONF = """[ca]
default_ca = it
[it]
database = {dir}/index
rand_serial = yes
default_md = null
policy = any
unique_subject = no
[any]
commonName = supplied
[ext]
basicConstraints = critical,CA:{ca}
keyUsage = critical,{usage}
extendedKeyUsage = {extended}
{names}
"""


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True)
    expect_equal(done.returncode, 0, f"openssl {words[0]}: {done.stderr.decode()}")
    return done.stdout


class Identity:
    """A certificate and its key: a hub of the mesh, but for what is wrong with it."""

    def __init__(self, hubs, name, ca=None, uris=None, begin="20260101000000Z",
                 end="20400101000000Z", mesh="demo", algorithm=("ed25519",), is_ca="false",
                 usage="digitalSignature", extended="serverAuth,clientAuth", is_self_signed=False,
                 key=None):
        """@key: there is one already, in that file."""
        base, ca = f"{hubs.work}/{name}", ca or hubs.ca
        self.cert, self.key = f"{base}/crt", key or f"{base}/key"
        os.makedirs(base)
        if not key:
            openssl("genpkey", "-algorithm", algorithm[0], *algorithm[1:], "-out", self.key)
        pubkey = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")[-32:]
        hub = bytearray(hashlib.sha256(pubkey).digest()[:6])
        hub[0] = hub[0] & 0xfc | 2
        own = f"URI:spiffe://{mesh}/hub/{hub.hex('-')}"
        names = ",".join([own] if uris is None else [uri or own for uri in uris])
        with open(f"{base}/conf", "w") as out:
            out.write(CA_CONF.format(dir=base, ca=is_ca, usage=usage, extended=extended,
                                     names=f"subjectAltName = {names}" if names else ""))
        open(f"{base}/index", "w").close()
        openssl("req", "-new", "-key", self.key, "-subj", f"/CN={name}", "-out", f"{base}/csr")
        signer = ["-selfsign", "-keyfile", self.key] if is_self_signed else \
            ["-cert", f"{ca}/root.crt", "-keyfile", f"{ca}/root.key"]
        openssl("ca", "-batch", "-notext", "-config", f"{base}/conf", "-extensions", "ext",
                "-startdate", begin, "-enddate", end, *signer, "-in", f"{base}/csr", "-out",
                self.cert, "-outdir", base)

    def serial(self):
        return openssl("x509", "-in", self.cert, "-noout", "-serial").decode().split("=")[1].strip()

    def with_root(self, ca):
        """The same, and the certificate of who signed it sent along."""
        with open(self.cert, "ab") as out, open(f"{ca}/root.crt", "rb") as root:
            out.write(root.read())
        return self
