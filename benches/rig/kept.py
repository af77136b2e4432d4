"""Connections that are opened, asked one question, and held: over HTTP/1.1, TLS, and HTTP/2."""

import socket
import ssl
import struct

from rig.client import BROWSER, HOST, request

DATA, HEADERS, SETTINGS, GOAWAY = 0, 1, 4, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def trusting(protocol):
    """Believes any certificate, and speaks `protocol`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_alpn_protocols([protocol])
    return made


class Plain:
    """HTTP/1.1."""

    name = "h1"

    def __init__(self, server, path):
        self.path = path
        self.socket = socket.create_connection(("127.0.0.1", self.port(server)), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.secure()

    @staticmethod
    def port(server):
        return server.plain

    def secure(self):
        """Nothing to do."""

    def ask(self):
        self.socket.sendall(request(self.path))

    def answer(self, body):
        """Reads the answer; says whether it is 200 with `body`."""
        got = b""
        while b"\r\n\r\n" not in got or len(got) < got.index(b"\r\n\r\n") + 4 + len(body):
            piece = self.socket.recv(1 << 16)
            if not piece:
                return False
            got += piece
        return got[9:12] == b"200" and got.endswith(b"\r\n\r\n" + body)

    def close(self):
        self.socket.close()


class Tls(Plain):
    """HTTP/1.1 over TLS."""

    name = "h1tls"
    protocol = "http/1.1"
    context = trusting(protocol)

    @staticmethod
    def port(server):
        return server.secure

    def secure(self):
        self.socket = self.context.wrap_socket(self.socket)
        if self.socket.selected_alpn_protocol() != self.protocol:
            raise ConnectionError("another protocol was agreed on")


class Http2(Tls):
    """HTTP/2 over TLS, as little of it as one stream after the other needs (RFC 9113, RFC 7541)."""

    name = "h2tls"
    protocol = "h2"
    context = trusting(protocol)

    def secure(self):
        super().secure()
        self.stream, self.got = -1, b""
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b""))

    def ask(self):
        self.stream += 2
        # GET and https by their numbers in HPACK's static table, the rest spelt out and not kept:
        # path and authority with names from that table, fields with their own.
        block = b"\x82\x87\x04" + text(self.path) + b"\x01" + text(HOST)
        for name, value in BROWSER.items():
            block += b"\x00" + text(name.lower()) + text(value)
        self.socket.sendall(frame(HEADERS, END_STREAM | END_HEADERS, self.stream, block))

    def answer(self, body):
        found, head = b"", None
        while True:
            kind, flags, stream, payload = self.frame()
            if kind == SETTINGS and not flags & ACK:
                self.socket.sendall(frame(SETTINGS, ACK, 0, b""))
            elif kind == GOAWAY or kind is None:
                return False
            elif stream == self.stream and kind == HEADERS:
                # Some announce a smaller table first; 0x88 is ":status: 200".
                head = payload.lstrip(b"\x20\x3f\xe1\x1f")[:1]
            elif stream == self.stream and kind == DATA:
                found += payload
            if stream == self.stream and kind in (HEADERS, DATA) and flags & END_STREAM:
                return head == b"\x88" and found == body

    def frame(self):
        while len(self.got) < 9 or len(self.got) < 9 + int.from_bytes(self.got[:3], "big"):
            piece = self.socket.recv(1 << 16)
            if not piece:
                return None, 0, 0, b""
            self.got += piece
        length = int.from_bytes(self.got[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.got[3:9])
        payload, self.got = self.got[9:9 + length], self.got[9 + length:]
        return kind, flags, stream, payload


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def text(value):
    """A string of HPACK, without Huffman's code. None here has 127 bytes or more."""
    raw = value.encode()
    assert len(raw) < 127, value
    return bytes([len(raw)]) + raw


KINDS = {each.name: each for each in (Plain, Tls, Http2)}
