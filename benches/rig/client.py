"""A client that asks for many URLs over a few kept connections and checks every byte.

It fills caches and proves answers; it measures nothing.
"""

import http.client
import re
import select
import socket
import ssl

HOST = "wiki.test"

# What a browser sends with a page view. No cookie: it would make some peers pass by default.
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "https://wiki.test/wiki/Main_Page",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Upgrade-Insecure-Requests": "1",
    "Priority": "u=0, i",
}

_FIELDS = "".join(f"{name}: {value}\r\n" for name, value in BROWSER.items())
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


def request(path):
    """The bytes of a browser's GET."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{_FIELDS}\r\n".encode()


def fetch_all(port, paths, body, connections=16):
    """Asks for each of `paths` once and returns complaints: an answer that is not 200, is not
    `body(path)`, or does not come."""
    paths, complaints = iter(paths), []
    poll, waiting = select.epoll(), {}

    def ask(sock):
        path = next(paths, None)
        if path is None or len(complaints) > 10:
            poll.unregister(sock)
            del waiting[sock.fileno()]
            sock.close()
        else:
            waiting[sock.fileno()] = (sock, path, bytearray())
            sock.sendall(request(path))

    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port), 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(sock, select.EPOLLIN)
        waiting[sock.fileno()] = (sock, "", bytearray())
        ask(sock)
    while waiting:
        ready = poll.poll(10)
        if not ready:
            return [*complaints, f"{len(waiting)} requests had no answer within 10 s"]
        for number, _ in ready:
            sock, path, got = waiting[number]
            piece = sock.recv(1 << 18)
            got += piece
            wrong = _wrong(got, body(path)) if piece else "the connection was closed"
            if wrong is None:
                continue
            if wrong:
                complaints.append(f"{path}: {wrong}")
            if piece:
                ask(sock)
            else:
                return complaints
    return complaints


def _wrong(got, body):
    """What is wrong with an answer; nothing ("") when it is right, None while it is incomplete."""
    head = got.find(b"\r\n\r\n")
    if head < 0:
        return None
    status = bytes(got[9:12])
    length = _LENGTH.search(got, 0, head + 2)
    if status != b"200" or length is None:
        return f"answered {bytes(got[:200])!r}"
    if len(got) < head + 4 + int(length.group(1)):
        return None
    return "" if got[head + 4:] == body else "another body than the origin's"


def fetch_tls(port, path, body):
    """The same for one URL over TLS."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trusting)
    connection.request("GET", path, headers={"Host": HOST, **BROWSER})
    answer = connection.getresponse()
    right = answer.read() == body
    connection.close()
    if answer.status != 200 or not right:
        return [f"{path} over TLS: {answer.status}{'' if right else ', another body'}"]
    return []
