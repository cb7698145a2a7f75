"""What a plan was made from, and whether it is still the same.

In: a loaded campaign.  Out: hashes, a `RenderSpec`.  Touches: the campaign's files, for reading.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from campaign.addresses.syntax import NamedAddress, parse_mailbox
from campaign.addresses.tokens import EVERYTHING, UnsubscribeTokens, verp_token
from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.config.secrets import read_secret
from campaign.config.settings import MessageSettings
from campaign.errors import DataError, DriftError
from campaign.planning.drift import Difference, differences, letter_settings, sentence
from campaign.planning.private_files import private_files, secret_files
from campaign.recipients.readers import input_files as list_files
from campaign.records import TOKEN_MARK, PlanRecord, Source
from campaign.rendering.places import TextPlace
from campaign.rendering.render import RenderSpec, UnsubscribeSpec, input_files

_TEXTS = ("subject", "reply_to", "attachments")  # of [message]: templates that name no file


def sender_of(campaign: Campaign) -> NamedAddress:
    """Who the letters are from; checked by the loader."""
    return parse_mailbox(campaign.settings.message.from_)


def envelope_senders(campaign: Campaign, record: PlanRecord) -> Callable[[int], str]:
    """MAIL FROM of the letter of a row; of no row, as a test is, that of row 0."""
    template = campaign.settings.bounces.envelope_from
    if template:
        before, _, after = template.partition(TOKEN_MARK)
        key, plan_id = record.key, record.plan_id
        return lambda row: f"{before}{verp_token(key, plan_id, row)}{after}"
    one = campaign.settings.message.sender or sender_of(campaign).address.spec
    return lambda row: one


def new_record(campaign: Campaign, clock: Clock) -> PlanRecord:
    """What a plan made now freezes; its key is new."""
    now_s = clock.now_s()
    return PlanRecord(
        campaign=campaign.settings.name,
        plan_id=secrets.token_hex(8),
        key=secrets.token_bytes(32),
        date_s=float(int(now_s)),
        hashes=input_hashes(campaign),
        created_s=now_s,
        message_id_domain=sender_of(campaign).address.domain,
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def input_hashes(campaign: Campaign) -> dict[str, str]:
    """Everything whose change would change who gets what: file -> SHA-256, setting -> value.

    Suppression lists are left out: they may grow during a run, and count from the next claim.
    """
    settings = campaign.settings
    files = [
        *list_files(campaign.folder, settings.recipients),
        *_template_files(campaign),
    ]
    config = {_config_name(campaign): campaign.sha256}  # as it was read
    return config | letter_settings(settings) | _hashes(campaign.folder, files)


def _config_name(campaign: Campaign) -> str:
    return os.path.relpath(campaign.file, campaign.folder)


def _template_files(campaign: Campaign) -> list[Path]:
    recipients = campaign.settings.recipients
    found: set[Path] = set()
    for message in letters_of(campaign):
        found |= {
            *input_files(
                campaign.folder,
                message,
                locale_column=recipients.locale,
                default_locale=recipients.default_locale,
            )
        }
    return sorted(found)


def _hashes(folder: Path, files: Sequence[Path]) -> dict[str, str]:
    """Relative name -> SHA-256 of those that are there."""
    return {os.path.relpath(path, folder): file_sha256(path) for path in files if path.exists()}


def changes_since(campaign: Campaign, record: PlanRecord) -> list[Difference]:
    """Every list, template and setting of the letters that is not what was planned."""
    return differences(record.hashes, input_hashes(campaign), _config_name(campaign))


def refuse_drift(campaign: Campaign, record: PlanRecord) -> None:
    """Raise DriftError naming every input that is not what was planned."""
    refuse(changes_since(campaign, record))


def refuse_other_templates(campaign: Campaign, record: PlanRecord) -> None:
    """Raise DriftError where templates and attachments, just read again, are not those planned."""
    refuse_templates_since(campaign, record.hashes)


def template_hashes(campaign: Campaign) -> dict[str, str]:
    """SHA-256 of every template and fixed attachment, by name."""
    return _hashes(campaign.folder, _template_files(campaign))


def refuse_templates_since(campaign: Campaign, before: Mapping[str, str]) -> None:
    """Raise DriftError where templates and attachments are not what these hashes say."""
    now = template_hashes(campaign)
    planned = {name: before.get(name, "") for name in now}
    refuse(differences(planned, now, _config_name(campaign)))


def refuse(changed: list[Difference]) -> None:
    """Raise DriftError where anything changed."""
    if changed:
        raise DriftError(
            f"changed since the plan was made: {sentence(changed)}",
            remedy="`campaign plan --amend` takes the change in; settled recipients stay settled",
        )


def refuse_other_lists(campaign: Campaign, record: PlanRecord, sources: Sequence[Source]) -> None:
    """Raise DataError where the lists that were read are not those whose hashes the plan keeps.

    They are read ahead, by another process: a file may be replaced between the one and the other.
    """
    folder, settings = campaign.folder, campaign.settings.recipients
    read = {os.path.relpath(folder.resolve() / each.name, folder): each.sha256 for each in sources}
    there = {os.path.relpath(path, folder) for path in list_files(folder, settings)}
    planned = {name: record.hashes.get(name, "") for name in read.keys() | there}
    if changed := differences(planned, read, _config_name(campaign)):
        raise DataError(
            f"changed while the plan was made: {sentence(changed)}",
            remedy="wait until nothing writes to it any more, then plan again",
        )


def render_spec(campaign: Campaign, record: PlanRecord, sources: Sequence[Source]) -> RenderSpec:
    """All a render worker needs; the secrets of [unsubscribe] stay in this process."""
    settings = campaign.settings
    spec = RenderSpec(
        folder=str(campaign.folder),
        campaign=settings.name,
        message=settings.message,
        name_template=settings.recipients.name,
        sources=tuple(source.columns for source in sources),
        key=record.key,
        date_s=record.date_s,
        unsubscribe=_unsubscribe(campaign),
        locale_column=settings.recipients.locale,
        default_locale=settings.recipients.default_locale,
        group_column=settings.recipients.group_by,
        private=private_files(campaign),
        hidden=secret_files(campaign),
        places=_places(campaign),
    )
    return _open_spec(campaign, record, spec, sources) if settings.is_open else spec


def _open_spec(
    campaign: Campaign, record: PlanRecord, spec: RenderSpec, sources: Sequence[Source]
) -> RenderSpec:
    """The sources of an open campaign are its templates, as many as there are of them still."""
    spec = replace(spec, message_id_domain=record.message_id_domain)
    messages = dict(zip(sorted(campaign.settings.template), letters_of(campaign), strict=True))
    names = tuple(source.name for source in sources)
    letters = tuple(
        replace(spec, message=messages[name], places=spec.places | _template_places(campaign, name))
        if name in messages
        else None
        for name in names
    )
    return replace(spec, letters=letters, names=names, lists=lists_of(campaign))


def letters_of(campaign: Campaign) -> list[MessageSettings]:
    """[message] as each letter has it: one, or of an open campaign one for each template."""
    settings = campaign.settings
    if not settings.is_open:
        return [settings.message]
    return [settings.template[name].over(settings.message) for name in sorted(settings.template)]


def lists_of(campaign: Campaign) -> tuple[str, ...]:
    """That a letter of an open campaign may name, so that one can leave them."""
    unsubscribe = campaign.settings.unsubscribe
    if unsubscribe is None:
        return ()
    return tuple(sorted({unsubscribe.list, *campaign.settings.serve.lists} - {EVERYTHING}))


def _places(campaign: Campaign) -> dict[str, TextPlace]:
    """Where the templates stand that campaign.toml itself holds, by the names they go by."""
    message = campaign.settings.message
    paths: list[tuple[str, ...]] = [("recipients", "name")]
    paths += [("message", key) for key in _TEXTS]
    paths += [("message", "subjects", tag) for tag in message.subjects]
    paths += [("message", "headers", name) for name in message.headers]
    return {
        ".".join(path): TextPlace(campaign.file.name, line, ".".join(path[1:]))
        for path, line in zip(paths, campaign.first_lines(paths), strict=True)
    }


def _template_places(campaign: Campaign, name: str) -> dict[str, TextPlace]:
    """The same of a template of an open campaign, which goes by the names of [message]."""
    template = campaign.settings.template[name]
    paths: list[tuple[str, ...]] = [("subject",)]
    paths += [("subjects", tag) for tag in template.subjects]
    paths += [("headers", field) for field in template.headers]
    if template.reply_to:
        paths.append(("reply_to",))
    lines = campaign.first_lines([("template", name, *path) for path in paths])
    return {
        ".".join(("message", *path)): TextPlace(
            campaign.file.name, line, f"{name}.{'.'.join(path)}"
        )
        for path, line in zip(paths, lines, strict=True)
    }


def unsubscribe_tokens(campaign: Campaign) -> UnsubscribeTokens | None:
    """With the secrets of [unsubscribe], the one that signs first; None where there are none."""
    settings = campaign.settings.unsubscribe
    if settings is None or not settings.secret:
        return None
    return UnsubscribeTokens([read_secret(each, campaign.folder) for each in settings.secret])


def _unsubscribe(campaign: Campaign) -> UnsubscribeSpec | None:
    settings = campaign.settings.unsubscribe
    if settings is None:
        return None
    return UnsubscribeSpec(
        settings.url, settings.mailto, settings.list, unsubscribe_tokens(campaign)
    )
