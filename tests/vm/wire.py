# SPDX-License-Identifier: Apache-2.0
"""A Varlink client of our own for the tests: small, and able to send what no decent client would."""
import json
import socket


class VarlinkError(Exception):
    def __init__(self, error, parameters):
        super().__init__(f"{error} {json.dumps(parameters)}")
        self.error = error
        self.parameters = parameters


def dial(address, timeout=30):
    """Connects to vsock:CID:PORT, hvsock:PATH:PORT or unix:PATH."""
    kind, rest = address.split(":", 1)
    if kind == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(rest)
        return sock
    where, port = rest.rsplit(":", 1)
    if kind == "vsock":
        sock = socket.socket(socket.AF_VSOCK)
        sock.settimeout(timeout)
        sock.connect((int(where), int(port)))
        return sock
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout)
    sock.connect(where)
    sock.sendall(f"CONNECT {port}\n".encode())
    answer = b""
    # Byte by byte: what follows the line belongs to the connection.
    while not answer.endswith(b"\n"):
        byte = sock.recv(1)
        if not byte:
            raise ConnectionRefusedError(f"{address}: no answer to CONNECT")
        answer += byte
    if not answer.startswith(b"OK "):
        raise ConnectionRefusedError(f"{address}: {answer!r}")
    return sock


class Connection:
    def __init__(self, address, timeout=30):
        self.socket = dial(address, timeout)
        self.buffer = b""

    def send(self, raw):
        self.socket.sendall(raw)

    def receive(self):
        """The next message, or None when the peer has closed."""
        while b"\0" not in self.buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def request(self, method, parameters=None, **flags):
        self.send(json.dumps({"method": method, "parameters": parameters or {}, **flags}).encode() + b"\0")

    def reply(self):
        message = self.receive()
        if message is None:
            raise ConnectionError("the peer closed the connection")
        if "error" in message:
            raise VarlinkError(message["error"], message.get("parameters", {}))
        return message.get("parameters", {})

    def call(self, method, parameters=None):
        self.request(method, parameters)
        return self.reply()

    def closed(self):
        """Whether the peer closes the connection, within the timeout, without another message."""
        try:
            return self.receive() is None
        except (BrokenPipeError, ConnectionResetError):
            return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
