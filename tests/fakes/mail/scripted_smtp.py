"""An SMTP server on loopback that behaves as its script says, well or badly.

In: `Script`.  Out: what every session said and sent, with the replies it got.  Touches: a port
chosen by the system, one thread for each session.

    server = ScriptedServer(Script(on("RCPT", say("550 5.1.1 no such user"), where="bob@")))
    with server:
        ... connect to 127.0.0.1, server.port ...
    assert [letter.recipient for letter in server.accepted] == [...]

Stages are CONNECT (the greeting), EHLO, STARTTLS, HANDSHAKE, AUTH, MAIL, RCPT, DATA, BODY (while
the message is read), DOT (its end), BEHIND (a command is read that came behind a dot), RSET, NOOP,
QUIT.  The first rule that fits is acted on.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from fakes.certificates import Pair
from fakes.ports import own_port

PIPELINING = ("PIPELINING", "SIZE 10485760", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")
PATIENCE_S = 20.0  # a session that hears nothing for so long ends


@dataclass(frozen=True)
class Act:
    """What is done in place of the usual answer."""

    reply: bytes | None = None  # None: the usual one; b"": none
    delay_s: float = 0.0  # before it
    extra: bytes = b""  # behind it, in the same write
    drip_s: float = 0.0  # between its bytes
    end: str = ""  # afterwards: "drop" closes, "reset" sends RST, "die" closes before earlier
    # replies that are not yet sent,
    # "stall" reads no more, "hang" reads and says no more
    after_bytes: int = 0  # for BODY: once so much of the message has come


def say(reply: str | bytes, **how: object) -> Act:
    """This reply; CRLF is added to text."""
    raw = reply if isinstance(reply, bytes) else reply.replace("\n", "\r\n").encode() + b"\r\n"
    return replace(Act(raw), **how)  # type: ignore[arg-type]


def drop(reply: str = "") -> Act:
    """The connection is closed, after `reply` if there is one."""
    return say(reply, end="drop") if reply else Act(b"", end="drop")


SILENCE = Act(b"", end="hang")


@dataclass
class Rule:
    """When an act happens: every condition given must hold."""

    stage: str
    act: Act
    where: str = ""  # stands in the command, for BODY and DOT in the recipient
    session: int | None = None  # 0 is the first connection
    nth: int | None = None  # 1 is the first time this stage is reached in the session
    from_nth: int | None = None
    times: int | None = None  # over the whole life of the server
    test: Callable[[str], bool] | None = None  # of the command
    peer: str = ""  # address that the client comes from


def on(stage: str, act: Act, **when: object) -> Rule:
    """A rule; see the fields of `Rule`."""
    return Rule(stage, act, **when)  # type: ignore[arg-type]


class Script:
    """Everything about one server."""

    def __init__(
        self,
        *rules: Rule,
        extensions: Sequence[str] = PIPELINING,
        esmtp: bool = True,  # False: EHLO is unknown
        certificate: Pair | None = None,  # offers STARTTLS
        implicit_tls: bool = False,
        client_ca: str = "",  # demands a client certificate of this authority
        old_tls: bool = False,  # speaks nothing newer than TLS 1.1
        mechanisms: Sequence[str] = (),
        unknown: Sequence[str] = (),  # mechanisms it offers and answers with 504
        prompts: Sequence[bytes] = (b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6"),  # of LOGIN, as written
        users: dict[str, str] | None = None,  # name -> password or token
        receive_buffer: int = 0,  # bytes of SO_RCVBUF; 0: the system's
        max_letters: int = 0,  # MAIL is answered 421 once so many were taken; 0: any number
        swallows: bool = False,  # throws away what came in the same read behind a dot
    ) -> None:
        self.rules = rules
        self.extensions = extensions
        self.esmtp = esmtp
        self.certificate = certificate
        self.implicit_tls = implicit_tls
        self.client_ca = client_ca
        self.old_tls = old_tls
        self.mechanisms = mechanisms
        self.unknown = unknown
        self.prompts = prompts
        self.users = users or {}
        self.receive_buffer = receive_buffer
        self.max_letters = max_letters
        self.swallows = swallows


@dataclass
class Letter:
    """A complete message: the final dot was read."""

    sender: str
    recipients: list[str]
    data: bytes  # without dot-stuffing and final dot
    reply: str = ""  # "" if none was given

    @property
    def recipient(self) -> str:
        return self.recipients[0] if self.recipients else ""

    @property
    def is_accepted(self) -> bool:
        return self.reply.startswith("2")


class Gone(Exception):
    """The session is over."""


class ScriptedServer:
    """Runs in threads between `start` and `stop`."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.sessions: list[Session] = []
        self.port = 0
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._threads: list[threading.Thread] = []
        self._fired: dict[int, int] = {}

    def __enter__(self) -> ScriptedServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        if self.script.receive_buffer:
            self._listener.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, self.script.receive_buffer
            )
        self.port = own_port()
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(256)
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        self.stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for session in self.sessions:
            session.hang_up()
        for thread in self._threads:
            thread.join(5)

    @property
    def letters(self) -> list[Letter]:
        """Every complete message of every session, accepted or not."""
        return [letter for session in list(self.sessions) for letter in list(session.letters)]

    @property
    def accepted(self) -> list[Letter]:
        return [letter for letter in self.letters if letter.is_accepted]

    @property
    def commands(self) -> list[str]:
        return [command for session in self.sessions for command in session.commands]

    def find(self, stage: str, text: str, session: int, nth: int, peer: str) -> Act | None:
        """The act for this moment, if a rule has one."""
        with self._lock:
            for number, rule in enumerate(self.script.rules):
                fits = (
                    rule.stage == stage
                    and rule.where in text
                    and rule.peer in ("", peer)
                    and rule.session in (None, session)
                    and rule.nth in (None, nth)
                    and (rule.from_nth is None or nth >= rule.from_nth)
                    and (rule.times is None or self._fired.get(number, 0) < rule.times)
                    and (rule.test is None or rule.test(text))
                )
                if fits:
                    self._fired[number] = self._fired.get(number, 0) + 1
                    return rule.act
        return None

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            session = Session(self, sock, len(self.sessions))
            self.sessions.append(session)
            thread = threading.Thread(target=session.run, daemon=True)
            self._threads.append(thread)
            thread.start()


class Session:
    """One connection, in its own thread."""

    def __init__(self, server: ScriptedServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self.script = server.script
        self.number = number
        self.peer = str(sock.getpeername()[0])  # address that the client comes from
        self.commands: list[str] = []
        self.letters: list[Letter] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.chunks: list[bytes] = []  # what each read brought
        self.tls_version: str | None = None
        self.user = ""
        self.ended = threading.Event()
        self._sock = sock
        self._in = b""
        self._out = b""
        self._is_behind = False  # what is read next came with a dot
        self._nth: dict[str, int] = {}
        self._sender: str | None = None  # None: no MAIL yet
        self._recipients: list[str] = []
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(PATIENCE_S)

    def is_busy_with(self, text: str) -> bool:
        """A transaction is open, and `text` stands in its recipient."""
        return any(text in recipient for recipient in self._recipients)

    def hang_up(self) -> None:
        """From any thread; only its own closes the socket, whose number may be another's then."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        try:
            if self.script.implicit_tls:
                self._encrypt()
            self._answer("CONNECT", "", "220 scripted.example ESMTP")
            while True:
                line = self._line()
                self.commands.append(line)
                self._obey(line)
        except (Gone, OSError):
            pass
        finally:
            self.hang_up()
            self._sock.close()
            self.ended.set()

    # -- commands ---------------------------------------------------------------------------

    def _obey(self, line: str) -> None:
        verb = line.split(" ")[0].upper()
        if self._is_behind:
            self._is_behind = verb not in ("DATA", "QUIT")
            act = self._find("BEHIND", line)
            if act:
                self._perform(act, b"")
                return
        match verb:
            case "EHLO" if self.script.esmtp:
                self._answer("EHLO", line, self._hello())
            case "HELO":
                self._answer("HELO", line, "250 scripted.example")
            case "STARTTLS" if self.script.certificate:
                if self._answer("STARTTLS", line, "220 2.0.0 ready"):
                    self._encrypt()
            case "AUTH" if self.script.mechanisms:
                self._authenticate(line)
            case "MAIL":
                self._mail(line)
            case "RCPT":
                usual = "503 5.5.1 MAIL first" if self._sender is None else "250 2.1.5 recipient ok"
                if self._answer("RCPT", line, usual):
                    self._recipients.append(_path(line))
            case "DATA":
                self._data(line)
            case "RSET":
                self._forget()
                self._answer("RSET", line, "250 2.0.0 forgotten")
            case "NOOP":
                self._answer("NOOP", line, "250 2.0.0 nothing done")
            case "QUIT":
                self._answer("QUIT", line, "221 2.0.0 bye")
                self._flush()
                raise Gone
            case _:
                self._answer(verb, line, "502 5.5.1 unknown command")

    def _hello(self) -> str:
        offered = list(self.script.extensions)
        if self.script.certificate and not self.tls_version:
            offered.append("STARTTLS")
        if self.script.mechanisms:
            offered.append(f"AUTH {' '.join(self.script.mechanisms)}")
        lines = ["scripted.example", *offered]
        return "\n".join(f"250{'-' if i < len(lines) - 1 else ' '}{t}" for i, t in enumerate(lines))

    def _mail(self, line: str) -> None:
        if self.script.max_letters and len(self.letters) >= self.script.max_letters:
            self._send(b"421 4.7.0 too many messages in this session, come back\r\n")
            self._flush()
            raise Gone
        if self._sender is not None:
            self._answer("MAIL", line, "503 5.5.1 nested MAIL")
        elif self._answer("MAIL", line, "250 2.1.0 sender ok"):
            self._sender = _path(line)

    def _data(self, line: str) -> None:
        usual = "354 go ahead" if self._recipients else "554 5.5.1 no valid recipients"
        if not self._answer("DATA", line, usual, positive=b"3"):
            return
        self.envelopes.append((self._sender or "", list(self._recipients)))
        self._take(self._body())

    def _take(self, data: bytes) -> None:
        letter = Letter(self._sender or "", list(self._recipients), data)
        self.letters.append(letter)
        self._answer(
            "DOT",
            letter.recipients[0] if letter.recipients else "",
            f"250 2.0.0 queued as {self.number}.{len(self.letters)}",
            letter=letter,
        )
        self._forget()

    def _body(self) -> bytes:
        """The message up to its final dot; acts of BODY happen on the way."""
        act = self._find("BODY", self._recipients[0] if self._recipients else "")
        body = bytearray(b"\r\n")  # so that a dot on the first line is found too
        while True:
            searched = len(body)
            body += self._in
            self._in = b""
            if act and len(body) - 2 >= act.after_bytes:
                self._perform(act, b"")
                act = None
            end = body.find(b"\r\n.\r\n", max(0, searched - 4))
            if end >= 0:
                self._in = b"" if self.script.swallows else bytes(body[end + 5 :])
                self._is_behind = bool(self._in)
                return bytes(body[: end + 2]).replace(b"\r\n..", b"\r\n.")[2:]
            self._in = self._receive()

    def _forget(self) -> None:
        self._sender, self._recipients = None, []

    # -- answers ----------------------------------------------------------------------------

    def _find(self, stage: str, text: str) -> Act | None:
        nth = self._nth[stage] = self._nth.get(stage, 0) + 1
        return self.server.find(stage, text, self.number, nth, self.peer)

    def _answer(
        self, stage: str, text: str, usual: str, *, positive: bytes = b"2", letter: object = None
    ) -> bool:
        """Say the usual or what the script wants; whether it was a yes."""
        act = self._find(stage, text) or Act()
        raw = usual.replace("\n", "\r\n").encode() + b"\r\n" if act.reply is None else act.reply
        if isinstance(letter, Letter):
            letter.reply = raw.decode("latin-1").strip()
        self._perform(act, raw)
        return raw.startswith(positive)

    def _perform(self, act: Act, usual: bytes) -> None:
        raw = usual if act.reply is None else act.reply
        if act.delay_s:
            self._flush()
            self._wait(act.delay_s)
        if act.drip_s:
            self._flush()
            for byte in raw:
                self._sock.sendall(bytes([byte]))
                self._wait(act.drip_s)
            raw = b""
        self._send(raw + act.extra)
        if act.end == "hang":
            while True:
                self._receive()
        if act.end == "stall":
            self._flush()
            self._wait(PATIENCE_S)
            raise Gone
        if act.end == "die":
            raise Gone
        if act.end == "reset":
            self._flush()
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._sock.close()
            raise Gone
        if act.end == "drop":
            self._flush()
            raise Gone

    def _wait(self, seconds: float) -> None:
        if self.server.stopping.wait(seconds):
            raise Gone

    def _send(self, raw: bytes) -> None:
        self._out += raw

    def _flush(self) -> None:
        if self._out:
            out, self._out = self._out, b""
            self._sock.sendall(out)

    def _receive(self) -> bytes:
        self._flush()
        data = self._sock.recv(65536)
        if not data:
            raise Gone
        self.chunks.append(data)
        return data

    def _line(self) -> str:
        """One command; replies are sent when no further command has come (as Postfix does)."""
        while b"\r\n" not in self._in:
            self._in += self._receive()
        line, _, self._in = self._in.partition(b"\r\n")
        return line.decode("utf-8", "backslashreplace")

    # -- TLS and login ----------------------------------------------------------------------

    def _encrypt(self) -> None:
        assert self.script.certificate
        self._flush()
        act = self._find("HANDSHAKE", "")
        self._perform(act or Act(), b"")
        context = self.script.certificate.server_context()
        if self.script.old_tls:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.maximum_version = ssl.TLSVersion.TLSv1_1
        if self.script.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.script.client_ca)
        self._in = b""
        wrapped = context.wrap_socket(self._sock, server_side=True)
        self._sock = wrapped
        self.tls_version = wrapped.version()

    def _ask(self, challenge: bytes, *, written: bytes | None = None) -> bytes:
        raw = base64.b64encode(challenge) if written is None else written
        self._send(b"334 " + raw + b"\r\n")
        line = self._line()
        self.commands.append("(answer)")
        if line == "*":
            self._send(b"501 5.7.0 cancelled\r\n")
            raise LookupError
        return base64.b64decode(line)

    def _authenticate(self, line: str) -> None:
        _, mechanism, *initial = line.split(" ")
        if mechanism.upper() in self.script.unknown:
            self._send(b"504 5.5.4 mechanism not known\r\n")
            return
        first = None
        if initial:
            first = b"" if initial[0] == "=" else base64.b64decode(initial[0])
        try:
            user = self._prove(mechanism.upper(), first)
        except LookupError:
            return
        if user:
            self.user = user
            self._answer("AUTH", line, "235 2.7.0 welcome")
        else:
            self._answer("AUTH", line, "535 5.7.8 user name or password wrong")

    def _prove(self, mechanism: str, first: bytes | None) -> str:
        """The user's name, if what the client says proves it."""
        users = self.script.users
        if mechanism == "PLAIN":
            _, name, secret = (first or self._ask(b"")).split(b"\0")
            return name.decode() if users.get(name.decode()) == secret.decode() else ""
        if mechanism == "LOGIN":
            of_name, of_secret = self.script.prompts
            name = first or self._ask(b"", written=of_name)
            secret = self._ask(b"", written=of_secret)
            return name.decode() if users.get(name.decode()) == secret.decode() else ""
        if mechanism == "CRAM-MD5":
            challenge = b"<1896.697170952@scripted.example>"
            text, _, digest = self._ask(challenge).decode().rpartition(" ")
            right = hmac.new(users.get(text, "\0").encode(), challenge, "md5").hexdigest()
            return text if hmac.compare_digest(digest, right) else ""
        if mechanism == "SCRAM-SHA-256":
            return self._prove_scram(first or self._ask(b""))
        return self._prove_token(mechanism, first or self._ask(b""))

    def _prove_token(self, mechanism: str, first: bytes) -> str:
        parts = first.decode().split("\1")
        if mechanism == "XOAUTH2":
            name, token = parts[0].removeprefix("user="), parts[1].removeprefix("auth=Bearer ")
        else:
            name = parts[0].split(",")[1].removeprefix("a=")
            token = next(p for p in parts if p.startswith("auth=")).removeprefix("auth=Bearer ")
        if self.script.users.get(name) == token:
            return name
        self._ask(b'{"status":"400"}')
        return ""

    def _prove_scram(self, first: bytes) -> str:
        bare = first.decode().split(",", 2)[2]
        name = bare.split(",")[0].removeprefix("n=").replace("=2C", ",").replace("=3D", "=")
        nonce = bare.split(",")[1].removeprefix("r=") + "server"
        salt = b"salt of the server"
        challenge = f"r={nonce},s={base64.b64encode(salt).decode()},i=4096"
        final = self._ask(challenge.encode()).decode()
        without, _, proof = final.rpartition(",p=")
        secret = self.script.users.get(name, "\0")
        salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, 4096)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signed = f"{bare},{challenge},{without}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        right = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        if base64.b64decode(proof) != right:
            return ""
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self._ask(b"v=" + base64.b64encode(hmac.digest(server_key, signed, "sha256")))
        return name


def _path(line: str) -> str:
    """What stands between the angle brackets."""
    return line[line.find("<") + 1 : line.rfind(">")] if "<" in line else ""
