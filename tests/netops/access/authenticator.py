"""An authenticator in software: ES256, no attestation; it says whatever a test wants (WebAuthn section 6)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def written(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def read(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """One credential; `count` is its counter, which it raises with each answer."""

    def __init__(self, origin: str, rp_id: str, *, counts: bool = True) -> None:
        self.origin, self.rp_id, self.counts, self.count = origin, rp_id, counts, 0
        self.key, self.id, self.handle = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(32), ""

    def create(self, options: str, **said: object) -> str:
        asked = json.loads(options)
        self.handle = asked["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        more = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(public)
        data = self._data(ATTESTED, said) + more
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", asked["challenge"], said)
        return self._answer({"clientDataJSON": written(client), "attestationObject": written(attested)}, said)

    def get(self, options: str, **said: object) -> str:
        client = self._client("webauthn.get", json.loads(options)["challenge"], said)
        data = self._data(0, said)
        mark = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        handle = said.get("handle", self.handle)
        response = {"clientDataJSON": written(client), "authenticatorData": written(data), "signature": written(mark)}
        return self._answer({**response, **({"userHandle": handle} if handle else {})}, said)

    def _data(self, flags: int, said: dict) -> bytes:
        self.count += self.counts
        flags |= (PRESENT if said.get("present", True) else 0) | (VERIFIED if said.get("verified", True) else 0)
        rp = hashlib.sha256(str(said.get("rp_id", self.rp_id)).encode()).digest()
        return rp + bytes([flags]) + int(said.get("count", self.count)).to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, said: dict) -> bytes:
        told = {"type": said.get("type", kind), "challenge": said.get("challenge", challenge)}
        return json.dumps({**told, "origin": said.get("origin", self.origin), "crossOrigin": False}).encode()

    def _answer(self, response: dict, said: dict) -> str:
        name = said.get("id", written(self.id))
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
