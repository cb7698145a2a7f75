"""TLS between two buffers: contexts, the handshake, and what a failed one means.

In: `Endpoint`, bytes.  Out: bytes; RelayError in one sentence.
Touches: certificate files; the only module that knows ssl.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from functools import lru_cache

from campaign.errors import ConfigError, RelayError
from campaign.records import Stage
from campaign.smtp.endpoint import ConnectRefused, Endpoint


class TlsSession:
    """TLS between two buffers (the cipher of a `Wire`).

    Not asyncio's own TLS: that keeps what is received together with a failed write to itself,
    and the server's last word, an early 550, would be lost with it.
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self.object = context.wrap_bio(self._in, self._out, server_hostname=host)

    def shake(self, data: bytes) -> tuple[bool, bytes]:
        """Whether the handshake is done, and bytes to be sent; ssl.SSLError if it failed."""
        self._in.write(data)
        try:
            self.object.do_handshake()
        except ssl.SSLWantReadError:
            return False, self._out.read()
        return True, self._out.read()

    def outgoing(self) -> bytes:
        return self._out.read()

    def seal(self, data: bytes | memoryview) -> bytes:
        rest = memoryview(data)
        while rest:
            rest = rest[self.object.write(rest) :]
        return self._out.read()

    def unseal(self, data: bytes) -> tuple[bytes, bytes]:
        self._in.write(data)
        plain = []
        try:
            while chunk := self.object.read(65536):
                plain.append(chunk)
                if not self._in.pending and not self.object.pending():
                    break
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass  # a record is not complete; or they are done, and the end of the stream follows
        except ssl.SSLError:
            if not plain:  # what was whole before the damage still counts
                raise
        return b"".join(plain), self._out.read()

    def farewell(self) -> bytes:
        """Our close_notify; theirs is not waited for."""
        with suppress(OSError):
            self.object.unwrap()
        return self._out.read()


class NoTls(ConnectRefused):
    """The handshake came to nothing."""


@lru_cache(maxsize=64)
def _make_context(
    ca_file: str, client_certificate: tuple[str, str] | None, verify: bool
) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise ConfigError(f"ca_file {ca_file} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client_certificate:
        try:
            context.load_cert_chain(*client_certificate)
        except OSError as error:
            files = " and ".join(client_certificate)
            raise ConfigError(f"client certificate {files} cannot be used: {error}") from error
    return context


def server_context(cert: str, key: str) -> ssl.SSLContext:
    """Of a server that shows this certificate, TLS 1.2 or newer.  Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:
        raise ConfigError(f"certificate {cert} and key {key} cannot be used: {error}") from error
    return context


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Verified, TLS 1.2 or newer; made once, for reading the system's store takes 20 ms."""
    verify = endpoint.verify and endpoint.security != "opportunistic"
    return _make_context(endpoint.ca_file, endpoint.client_certificate, verify)


_CERTIFICATE_FAULTS = {  # X509_V_ERR_*: openssl/x509_vfy.h
    9: ("is not valid yet", "look at this machine's clock"),
    10: ("has expired", "the server's operator must renew it"),
    18: ("is self-signed", "name it as ca_file if it is the server you mean"),
    19: ("comes from an unknown issuer", "name the issuer's certificate as ca_file"),
    20: ("comes from an unknown issuer", "name the issuer's certificate as ca_file"),
    21: ("comes from an unknown issuer", "name the issuer's certificate as ca_file"),
    62: ("is for another host", "use the name that stands in the certificate as host"),
    64: ("is for another host", "use the name that stands in the certificate as host"),
}


_HANDSHAKE_FAULTS = {  # OpenSSL's reasons that a person can do something about
    "WRONG_VERSION_NUMBER": 'the server speaks no TLS there (perhaps security = "starttls")',
    "UNSUPPORTED_PROTOCOL": "the server speaks nothing newer than TLS 1.1",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the server speaks nothing newer than TLS 1.1",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants a client certificate",
}


def tls_trouble(endpoint: Endpoint, error: OSError) -> RelayError:
    """A failed handshake as one sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        fault, remedy = _CERTIFICATE_FAULTS.get(
            error.verify_code, (f"cannot be verified: {error.verify_message}", "")
        )
        return RelayError(f"the certificate of {endpoint.host} {fault}", remedy=remedy)
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    reason = _HANDSHAKE_FAULTS.get(reason, reason)
    return NoTls(
        f"no TLS with {endpoint.host} port {endpoint.port}: {reason}",
        Stage.STARTTLS,
        errno=0 if isinstance(error, ssl.SSLError) else error.errno or 0,
    )
