# SPDX-License-Identifier: GPL-2.0
"""Second implementation of Documentation/frame.rst, in plain Python: builds the
frames that the kernel must accept, and the ones it must refuse."""

import struct

from . import uapi

MASK = (1 << 64) - 1


def _rotl64(x, b):
    return ((x << b) | (x >> (64 - b))) & MASK


def siphash24(key, data):
    """SipHash-2-4 (Aumasson, Bernstein 2012); returns the 64-bit number."""
    k0, k1 = struct.unpack("<QQ", key)
    v0, v1 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    v2, v3 = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573

    def rounds(n):
        nonlocal v0, v1, v2, v3
        for _ in range(n):
            v0 = (v0 + v1) & MASK
            v1 = _rotl64(v1, 13) ^ v0
            v0 = _rotl64(v0, 32)
            v2 = (v2 + v3) & MASK
            v3 = _rotl64(v3, 16) ^ v2
            v0 = (v0 + v3) & MASK
            v3 = _rotl64(v3, 21) ^ v0
            v2 = (v2 + v1) & MASK
            v1 = _rotl64(v1, 17) ^ v2
            v2 = _rotl64(v2, 32)

    whole = len(data) & ~7
    for at in range(0, whole, 8):
        m = struct.unpack_from("<Q", data, at)[0]
        v3 ^= m
        rounds(2)
        v0 ^= m
    last = (len(data) & 0xFF) << 56 | int.from_bytes(data[whole:], "little")
    v3 ^= last
    rounds(2)
    v0 ^= last
    v2 ^= 0xFF
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


def _rotl32(x, b):
    return ((x << b) | (x >> (32 - b))) & 0xFFFFFFFF


def _chacha_block(key, counter, nonce):
    s = list(struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key)
             + (counter,) + struct.unpack("<3I", nonce))
    w = s[:]

    def quarter(a, b, c, d):
        w[a] = (w[a] + w[b]) & 0xFFFFFFFF
        w[d] = _rotl32(w[d] ^ w[a], 16)
        w[c] = (w[c] + w[d]) & 0xFFFFFFFF
        w[b] = _rotl32(w[b] ^ w[c], 12)
        w[a] = (w[a] + w[b]) & 0xFFFFFFFF
        w[d] = _rotl32(w[d] ^ w[a], 8)
        w[c] = (w[c] + w[d]) & 0xFFFFFFFF
        w[b] = _rotl32(w[b] ^ w[c], 7)

    for _ in range(10):
        quarter(0, 4, 8, 12)
        quarter(1, 5, 9, 13)
        quarter(2, 6, 10, 14)
        quarter(3, 7, 11, 15)
        quarter(0, 5, 10, 15)
        quarter(1, 6, 11, 12)
        quarter(2, 7, 8, 13)
        quarter(3, 4, 9, 14)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(w, s)))


def _chacha(key, nonce, data, counter):
    out = bytearray()
    for i in range(0, len(data), 64):
        block = _chacha_block(key, counter + i // 64, nonce)
        out += bytes(a ^ b for a, b in zip(data[i:i + 64], block))
    return bytes(out)


def _poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    acc = 0
    for i in range(0, len(data), 16):
        acc = (acc + int.from_bytes(data[i:i + 16] + b"\1", "little")) * r % ((1 << 130) - 5)
    return ((acc + int.from_bytes(key[16:], "little")) & ((1 << 128) - 1)).to_bytes(16, "little")


def _aead_tag(key, nonce, cipher, aad):
    pad = lambda b: b + bytes(-len(b) % 16)
    return _poly1305(_chacha_block(key, 0, nonce)[:32], pad(aad) + pad(cipher)
                     + struct.pack("<QQ", len(aad), len(cipher)))


def chacha20poly1305_seal(key, nonce, plain, aad):
    """RFC 8439 section 2.8."""
    cipher = _chacha(key, nonce, plain, 1)
    return cipher + _aead_tag(key, nonce, cipher, aad)


def chacha20poly1305_open(key, nonce, sealed, aad):
    """Plaintext, or None if it does not authenticate."""
    cipher, tag = sealed[:-16], sealed[-16:]
    if _aead_tag(key, nonce, cipher, aad) != tag:
        return None
    return _chacha(key, nonce, cipher, 1)


class Header:
    """The 40-byte header; fields as struct hm_hdr."""

    def __init__(self, **fields):
        self.version, self.type = uapi.HM_WIRE_VERSION, uapi.HM_TYPE_UNICAST
        self.hop_phase, self.ttl = 0, uapi.HM_TTL_DEFAULT
        self.cls, self.phase, self.flags, self.lane = 0, 0, 0, 0
        self.link_index, self.flow = 0, 0
        self.dst, self.src = bytes(6), bytes(6)
        self.hop_seq, self.counter, self.hop_tag = 0, 0, 0
        for name, value in fields.items():
            if not hasattr(self, name):
                raise AttributeError(name)
            setattr(self, name, value)

    def first32(self, mutable=True):
        return struct.pack(
            ">BBBBHH6s6sIQ", self.version << 4 | self.type,
            (self.hop_phase << 6 | self.ttl) if mutable else 0,
            self.cls << 5 | self.phase << 3 | self.flags, self.lane,
            self.link_index if mutable else 0, self.flow, self.dst, self.src,
            self.hop_seq if mutable else 0, self.counter)

    def aad(self):
        return self.first32(mutable=False)

    def nonce(self, salt):
        plain = bytes(3) + bytes([self.lane]) + struct.pack(">Q", self.counter)
        return bytes(a ^ b for a, b in zip(salt, plain))

    def pack(self):
        return self.first32() + struct.pack(">Q", self.hop_tag)

    @classmethod
    def parse(cls, raw):
        a, b, c, lane, link, flow, dst, src, seq, counter, tag = struct.unpack_from(
            ">BBBBHH6s6sIQQ", raw)
        return cls(version=a >> 4, type=a & 15, hop_phase=b >> 6, ttl=b & 63, cls=c >> 5,
                   phase=c >> 3 & 3, flags=c & 7, lane=lane, link_index=link, flow=flow, dst=dst,
                   src=src, hop_seq=seq, counter=counter, hop_tag=tag)


class Material:
    """Key material of one direction, as netlink takes it."""

    def __init__(self, raw):
        self.raw = raw
        self.key, self.salt, self.hop = raw[:32], raw[32:44], raw[44:60]


def tag(header, link_key):
    """Set the hop tag the way the wire carries it."""
    header.hop_tag = hop_tag(header.first32(), link_key.hop)
    return header


def hop_tag(first32, key):
    """Wire value of the hop tag: the SipHash number, big endian."""
    return siphash24(key, first32)


def seal(header, aead, link_key, inner, zone=0):
    """A complete frame: @aead seals (the pair's or the link's), @link_key tags."""
    plain = struct.pack(">H", zone) + inner if header.type != uapi.HM_TYPE_PROBE else inner
    body = chacha20poly1305_seal(aead.key, header.nonce(aead.salt), plain, header.aad())
    return tag(header, link_key).pack() + body


def self_check():
    """Published vectors: SipHash reference, RFC 8439 2.8.2."""
    key = bytes(range(16))
    assert siphash24(key, bytes(range(15))) == 0xA129CA6149BE45E5
    k = bytes(range(0x80, 0xA0))
    nonce = bytes.fromhex("070000004041424344454647")
    aad = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    text = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
            b"the future, sunscreen would be it.")
    sealed = chacha20poly1305_seal(k, nonce, text, aad)
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"
    assert chacha20poly1305_open(k, nonce, sealed, aad) == text
    assert chacha20poly1305_open(k, nonce, sealed[:-1] + b"\0", aad) is None


if __name__ == "__main__":
    self_check()
    print("frame: self check ok")
