"""Three verifiers of DKIM that others wrote: dkimpy, Mail::DKIM (Perl) and libopendkim (C).

In: letters with CRLF, the records of the DNS by name.  Out: for each letter, for each of its
signatures, "pass" or what is wrong with it.  Touches: a Perl process for Mail::DKIM.

Their authors read RFC 6376 independently of each other and of us.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable, Mapping, Sequence
from ctypes import byref, c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path

import dkim

Verdicts = list[list[str]]
Verify = Callable[[Sequence[bytes], Mapping[str, str]], Verdicts]
_SCRIPT = Path(__file__).with_name("mail_dkim.pl")


def dkimpy(letters: Sequence[bytes], records: Mapping[str, str]) -> Verdicts:
    """https://launchpad.net/dkimpy"""

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        text = records.get(name.decode().rstrip(".").lower())
        return text.encode() if text is not None else None

    def verdict(verifier: dkim.DKIM, at: int) -> str:
        try:
            return "pass" if verifier.verify(idx=at, dnsfunc=ask) else "fail"
        except dkim.DKIMException as error:
            return str(error) or type(error).__name__

    found = []
    for letter in letters:
        verifier = dkim.DKIM(letter, minkey=1024)
        count = sum(name.lower() == b"dkim-signature" for name, _ in verifier.headers)
        found.append([verdict(verifier, at) for at in range(count)])
    return found


def mail_dkim(letters: Sequence[bytes], records: Mapping[str, str]) -> Verdicts:
    """https://metacpan.org/dist/Mail-DKIM"""
    known = "".join(f"{name}\t{text}\n" for name, text in records.items())
    said = [f"{len(records)}\n{known}".encode()]
    said += [b"%d\n%s" % (len(letter), letter) for letter in letters]
    done = subprocess.run(["perl", _SCRIPT], input=b"".join(said), capture_output=True, check=True)
    return [line.split("\t") if line else [] for line in done.stdout.decode().splitlines()]


def opendkim(letters: Sequence[bytes], records: Mapping[str, str]) -> Verdicts:
    """http://www.opendkim.org, the library behind the milter and opendkim-testmsg."""
    lib = ctypes.CDLL("libopendkim.so.11")
    for name in ("init", "verify", "sig_getdomain", "sig_getselector", "sig_geterrorstr"):
        function = getattr(lib, f"dkim_{name}")
        function.restype = c_char_p if name.startswith("sig_") else c_void_p

    @ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_size_t)
    def look_up(handle: int, signature: int, buffer: int, size: int) -> int:
        selector = lib.dkim_sig_getselector(c_void_p(signature)).decode()
        domain = lib.dkim_sig_getdomain(c_void_p(signature)).decode()
        text = records.get(f"{selector}._domainkey.{domain}".lower())
        if text is None:
            return 3  # DKIM_CBSTAT_NOTFOUND
        data = text.encode() + b"\0"
        ctypes.memmove(buffer, data, min(size, len(data)))
        return 0  # DKIM_CBSTAT_CONTINUE

    library = c_void_p(lib.dkim_init(None, None))
    lib.dkim_set_key_lookup(library, look_up)
    try:
        return [_of_opendkim(lib, library, letter) for letter in letters]
    finally:
        lib.dkim_close(library)


def _of_opendkim(lib: ctypes.CDLL, library: c_void_p, letter: bytes) -> list[str]:
    status = c_int()
    handle = c_void_p(lib.dkim_verify(library, b"letter", None, byref(status)))
    try:
        lib.dkim_chunk(handle, letter, c_size_t(len(letter)))
        lib.dkim_chunk(handle, None, c_size_t(0))
        is_test = ctypes.c_bool()
        lib.dkim_eom(handle, byref(is_test))
        listed, count = ctypes.POINTER(c_void_p)(), c_int()
        if lib.dkim_getsiglist(handle, byref(listed), byref(count)):
            return []
        return [_of_signature(lib, c_void_p(listed[at])) for at in range(count.value)]
    finally:
        lib.dkim_free(handle)


def _of_signature(lib: ctypes.CDLL, signature: c_void_p) -> str:
    has_passed = lib.dkim_sig_getflags(signature) & 0x04  # DKIM_SIGFLAG_PASSED
    if has_passed and lib.dkim_sig_getbh(signature) == 0:  # DKIM_SIGBH_MATCH
        return "pass"
    why = lib.dkim_sig_geterrorstr(c_int(lib.dkim_sig_geterror(signature)))
    return (why or b"fail").decode()


VERIFIERS: dict[str, Verify] = {"dkimpy": dkimpy, "Mail::DKIM": mail_dkim, "OpenDKIM": opendkim}
