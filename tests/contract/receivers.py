"""Receivers on this machine: a mail server and a web server of a few lines each, real as far as a sender can tell."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
import time
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class MailServer:
    """Takes mail as RFC 5321 says, and keeps it."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.refuses = False
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 mail.test ready")
                recipients: list[str] = []
                while line := self.rfile.readline():
                    verb, _, rest = line.decode().strip().partition(" ")
                    match verb.upper():
                        case "EHLO" | "HELO":
                            self._say("250 mail.test")
                        case "MAIL" if outer.refuses:
                            self._say("451 not now")
                        case "RCPT":
                            recipients.append(rest.partition("<")[2].partition(">")[0])
                            self._say("250 ok")
                        case "DATA":
                            self._say("354 go on")
                            data = bytearray()
                            while not data.endswith(b"\r\n.\r\n"):
                                data += self.rfile.readline()
                            parsed = email.message_from_bytes(bytes(data[:-3]), policy=email.policy.default)
                            outer.mails.append((recipients, parsed))  # type: ignore[arg-type]
                            recipients = []
                            self._say("250 kept")
                        case "QUIT":
                            self._say("221 bye")
                            return
                        case _:
                            self._say("250 ok")

            def _say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        _run(self._server)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class WebServer:
    """Answers every POST as it is told to, and keeps what it was sent."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.others: list[str] = []
        self.status = 204
        self.headers: dict[str, str] = {}
        self.seconds = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                time.sleep(outer.seconds)
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                outer.others.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        _run(self._server)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _run(server: socketserver.BaseServer) -> None:
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
