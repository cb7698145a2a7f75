"""What the model cannot know: whether named files are there, addresses read, secrets come.

In: settings and the campaign's folder.  Out: `Mistake`s.  Touches: the file system, to look
whether files exist; `check_secrets` also fetches each secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from campaign.addresses.syntax import AddressError, parse_address, parse_mailbox
from campaign.config import positions
from campaign.config.earlier import read_earlier
from campaign.config.secrets import look_for_secret, read_secret
from campaign.config.settings import LetterTemplate, MessageSettings, Secret, Settings
from campaign.config.wording import Mistake
from campaign.errors import ConfigError
from campaign.languages import written_in
from campaign.records import TOKEN_LENGTH, TOKEN_MARK

_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")  # narrower than RFC 5322, 3.6.8, on purpose
# Fields that are written by campaign itself, or that would make the letter another one.
RESERVED_HEADERS = frozenset(
    ("from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to", "mime-version",
     "return-path", "received", "dkim-signature")
)  # fmt: skip
_UNSUBSCRIBE_HEADERS = frozenset({"list-unsubscribe", "list-unsubscribe-post"})
WEAK_BYTES = 16  # of a secret; 128 bits, where they are random
_BY_LANGUAGE = frozenset({"text", "html", "markdown", "calendar"})

TomlPath = positions.Path


def check_values(settings: Settings) -> Iterator[Mistake]:
    """Addresses, domains and header names."""
    message = settings.message
    unsubscribes = settings.unsubscribe is not None
    yield from _check_mailbox(("message", "from"), message.from_)
    yield from _check_mailbox(("message", "reply_to"), message.reply_to)
    yield from _check_address(("message", "sender"), message.sender)
    for name, template in settings.template.items():
        yield from _check_mailbox(("template", name, "from"), template.from_)
        yield from _check_mailbox(("template", name, "reply_to"), template.reply_to)
        yield from _check_headers(("template", name), template.headers, unsubscribes=unsubscribes)
    if settings.bounces.envelope_from:
        yield from _check_envelope_from(settings.bounces.envelope_from)
    if settings.unsubscribe:
        yield from _check_address(("unsubscribe", "mailto"), settings.unsubscribe.mailto)
    for index, entry in enumerate(settings.dkim):
        yield from _check_domain(("dkim", index, "domain"), entry.domain)
    if settings.is_open:
        yield from _check_key_templates(settings)
    if settings.schedule is not None:
        from campaign.config.checking.hours import check_hours  # most campaigns do without zones

        yield from check_hours(settings.schedule)
    for index, ramp in enumerate(settings.ramp):
        from campaign.config.checking.ladders import check_ladder

        yield from check_ladder(ramp, index)
    yield from _check_headers(("message",), message.headers, unsubscribes=unsubscribes)


def check_files(settings: Settings, folder: Path) -> Iterator[Mistake]:
    """Every file that the settings name, other than per-recipient attachments and secrets."""
    for index, pattern in enumerate(settings.recipients.files):
        if pattern == "-":
            yield Mistake(
                ("recipients", "files", index),
                "a list on standard input cannot be read twice",
                "write it into a file, and name that",
            )
        else:
            yield from _check_glob(("recipients", "files", index), pattern, folder)
    for key, entries in (
        ("exclude", settings.recipients.exclude),
        ("only", settings.recipients.only),
    ):
        for index, entry in enumerate(entries):
            yield from _check_earlier(("recipients", key, index), entry, folder)
    if settings.serve.languages:
        yield from check_folder(("serve", "languages"), settings.serve.languages, folder)
    for path, name in _plain_files(settings):
        if name and not (path[-1] in _BY_LANGUAGE and _is_written(settings, folder, name)):
            yield from _check_file(path, name, folder)


def _is_written(settings: Settings, folder: Path, name: str) -> bool:
    """Whether a file in the default language stands for a template that is not there."""
    recipients = settings.recipients
    files = written_in(
        folder,
        name,
        default_locale=recipients.default_locale,
        by_locale=bool(recipients.locale),
    )
    return files.default != name


def check_secrets(settings: Settings, folder: Path) -> Iterator[Mistake]:
    """Fetch every secret once and forget it; of keys only look whether they are there."""
    yield from check_token_secrets(settings, folder)
    for path, secret in _logins(settings):
        yield from tried(read_secret, path, secret, folder)
    for path, secret in (*_keys(settings), *_hook_secrets(settings)):
        yield from tried(look_for_secret, path, secret, folder)


def check_token_secrets(settings: Settings, folder: Path) -> Iterator[Mistake]:
    """The secrets that letters are made with: those of the tokens."""
    for index, secret in enumerate(settings.unsubscribe.secret if settings.unsubscribe else ()):
        yield from tried(_strong_secret, ("unsubscribe", "secret", index), secret, folder)


def look_ahead(settings: Settings, folder: Path) -> Iterator[Mistake]:
    """What a plan does without and a run will miss: secrets that are not there, a way out."""
    for path, secret in (*_logins(settings), *_keys(settings), *_hook_secrets(settings)):
        yield from tried(look_for_secret, path, secret, folder)
    if not settings.relay and not settings.direct:
        yield Mistake(
            (),
            "nothing says where to send: there is no [relay]",
            'add [relay] with host = "smtp.example.com", username and password',
        )


def look_for_api_keys(settings: Settings, folder: Path) -> Iterator[Mistake]:
    """The same of what only `serve --api` will miss."""
    for path, secret in _api_keys(settings):
        yield from tried(look_for_secret, path, secret, folder)


def _strong_secret(secret: Secret, folder: Path) -> None:
    """Raises ConfigError also where it could be guessed."""
    size = len(read_secret(secret, folder).encode())
    if size < WEAK_BYTES:
        raise ConfigError(
            f"it has {size} bytes, and who guesses it can unsubscribe everybody",
            remedy=f"take at least {WEAK_BYTES}, for example from: openssl rand -hex 32",
        )


def tried(
    fetch: Callable[[Secret, Path], object], path: TomlPath, secret: Secret | None, folder: Path
) -> Iterator[Mistake]:
    """What `fetch` raises, as a mistake at the secret's key."""
    if secret and not list(secret.rules()):
        try:
            fetch(secret, folder)
        except ConfigError as trouble:
            name = next(part for part in reversed(path) if isinstance(part, str))
            yield Mistake(path, f"{name}: {trouble.what}", trouble.remedy)


def is_template(text: str) -> bool:
    """Whether a value differs from recipient to recipient."""
    return "{{" in text or "{%" in text


def _plain_files(settings: Settings) -> Iterator[tuple[TomlPath, str]]:
    for index, file in enumerate(settings.recipients.suppress):
        yield ("recipients", "suppress", index), file
    yield from _letter_files(("message",), settings.message)
    for name, template in settings.template.items():
        yield from _letter_files(("template", name), template)
    yield ("bounces", "ca_file"), settings.bounces.ca_file
    for index, relay in enumerate(settings.relay):
        yield ("relay", index, "ca_file"), relay.ca_file
        if certificate := relay.client_certificate:
            yield ("relay", index, "client_certificate", "cert"), certificate.cert
            yield ("relay", index, "client_certificate", "key"), certificate.key
    if certificate := settings.serve.certificate:
        yield ("serve", "certificate", "cert"), certificate.cert
        yield ("serve", "certificate", "key"), certificate.key


def _letter_files(
    table: TomlPath, letter: MessageSettings | LetterTemplate
) -> Iterator[tuple[TomlPath, str]]:
    yield (*table, "text"), letter.text
    yield (*table, "html"), letter.html
    yield (*table, "markdown"), letter.markdown
    yield (*table, "calendar"), letter.calendar
    for name, file in letter.inline.items():
        yield (*table, "inline", name), file
    for index, file in enumerate(letter.attachments):
        if not is_template(file):
            yield (*table, "attachments", index), file


def _logins(settings: Settings) -> Iterator[tuple[TomlPath, Secret | None]]:
    for index, relay in enumerate(settings.relay):
        yield ("relay", index, "password"), relay.password
        yield ("relay", index, "token"), relay.token


def _keys(settings: Settings) -> Iterator[tuple[TomlPath, Secret]]:
    """What only signing processes read."""
    for index, entry in enumerate(settings.dkim):
        yield ("dkim", index, "key"), entry.key


def _hook_secrets(settings: Settings) -> Iterator[tuple[TomlPath, Secret]]:
    """What only the process reads that tells webhooks."""
    for index, webhook in enumerate(settings.webhook):
        for number, secret in enumerate(webhook.secret):
            yield ("webhook", index, "secret", number), secret


def _api_keys(settings: Settings) -> Iterator[tuple[TomlPath, Secret]]:
    """What only the servers read that take letters of an open campaign."""
    for index, entry in enumerate(settings.serve.api_keys if settings.is_open else ()):
        yield ("serve", "api_keys", index), entry


def _check_key_templates(settings: Settings) -> Iterator[Mistake]:
    """Those that a key of the API may ask for."""
    for index, entry in enumerate(settings.serve.api_keys):
        for number, name in enumerate(entry.templates):
            if name not in settings.template:
                yield Mistake(
                    ("serve", "api_keys", index, "templates", number),
                    f"this key may ask for '{name}', and there is no such template",
                    f"there are {', '.join(sorted(settings.template))}",
                )


def _check_mailbox(path: TomlPath, text: str) -> Iterator[Mistake]:
    return _check_syntax(parse_mailbox, path, text, "write Ada Lovelace <ada@example.com>")


def _check_address(path: TomlPath, text: str) -> Iterator[Mistake]:
    return _check_syntax(parse_address, path, text, "write an address: ada@example.com")


def _check_syntax(
    parse: Callable[[str], object], path: TomlPath, text: str, remedy: str
) -> Iterator[Mistake]:
    if text and not is_template(text):
        try:
            parse(text)
        except AddressError as trouble:
            yield Mistake(path, f"{path[-1]}: {trouble}", remedy)


def _check_envelope_from(text: str) -> Iterator[Mistake]:
    path, remedy = ("bounces", "envelope_from"), 'write for example "b+{token}@b.example.com"'
    if text.count(TOKEN_MARK) != 1 or TOKEN_MARK in text.rpartition("@")[2]:
        yield Mistake(path, f"envelope_from: {TOKEN_MARK} does not stand once before the @", remedy)
        return
    try:
        parse_address(text.replace(TOKEN_MARK, "2" * TOKEN_LENGTH))
    except AddressError as trouble:
        yield Mistake(path, f"envelope_from: {trouble}", remedy)


def _check_domain(path: TomlPath, text: str) -> Iterator[Mistake]:
    try:
        parse_address(f"postmaster@{text}")
    except AddressError as trouble:
        yield Mistake(path, f"{path[-1]}: {trouble}", "write a domain: example.com")


def _check_headers(
    table: TomlPath, fields: Mapping[str, str], *, unsubscribes: bool
) -> Iterator[Mistake]:
    for name, value in fields.items():
        path, lower = (*table, "headers", name), name.lower()
        if not _FIELD_NAME.fullmatch(name):
            yield Mistake(
                path,
                f"'{name}' is not a header name",
                "use letters, digits and hyphens, without colon and spaces",
            )
        elif lower in RESERVED_HEADERS or lower.startswith("content-"):
            yield Mistake(path, f"the header {name} is written by campaign", _instead(lower))
        elif unsubscribes and lower in _UNSUBSCRIBE_HEADERS:
            yield Mistake(path, f"the header {name} is made from [unsubscribe]", "keep one of them")
        if "\n" in value or "\r" in value:
            yield Mistake(path, f"the header {name} has a line break", "write it on one line")


def _instead(header: str) -> str:
    keys = {"from": "from", "subject": "subject", "reply-to": "reply_to"}
    if header in keys:
        return f"set {keys[header]} in [message]"
    return "leave it out"


def _check_glob(path: TomlPath, pattern: str, folder: Path) -> Iterator[Mistake]:
    """A file of that very name, or at least one that the pattern matches."""
    if (folder / pattern).is_file() or not any(char in pattern for char in "*?["):
        yield from _check_file(path, pattern, folder)
        return
    anchor = Path(pattern).anchor
    found = (Path(anchor) if anchor else folder).glob(pattern[len(anchor) :])
    if not any(file.is_file() for file in found):
        yield Mistake(path, f"no file matches '{pattern}'", f"patterns are relative to {folder}")


def _check_earlier(path: TomlPath, entry: str, folder: Path) -> Iterator[Mistake]:
    """The folder of another campaign."""
    named = read_earlier(entry).folder
    there = folder / Path(named).expanduser()
    file = there if there.suffix == ".toml" else there / "campaign.toml"
    if not file.is_file():
        yield Mistake(
            path,
            f"there is no campaign in '{named}'",
            f"name the folder of a campaign; paths are relative to {folder}",
        )
    elif file.resolve().parent == folder.resolve():
        yield Mistake(path, f"'{named}' is this campaign itself", "name an earlier one")


def check_folder(path: TomlPath, name: str, folder: Path) -> Iterator[Mistake]:
    """A folder that the settings name."""
    if not (folder / name).is_dir():
        yield Mistake(path, f"there is no folder '{name}'", f"paths are relative to {folder}")


def _check_file(path: TomlPath, name: str, folder: Path) -> Iterator[Mistake]:
    file = folder / name
    if file.is_file():
        return
    if file.is_dir():
        yield Mistake(path, f"'{name}' is a folder, not a file", "name a file in it")
        return
    if file.exists():
        yield Mistake(path, f"'{name}' is not a regular file", "write what it gives into a file")
        return
    if file.is_symlink():
        target = file.readlink().as_posix()
        what = f"'{name}' is a link to '{target}', which is not there"
        yield Mistake(path, what, "link it to a file, or name another")
        return
    there = [found.name for found in file.parent.iterdir()] if file.parent.is_dir() else []
    close = difflib.get_close_matches(file.name, there, 1)
    remedy = f"paths are relative to {folder}"
    if close:
        remedy = f"did you mean {Path(name).with_name(close[0]).as_posix()}?"
    elif not file.parent.is_dir():
        remedy = f"there is no folder {file.parent}"
    yield Mistake(path, f"there is no file '{name}'", remedy)
