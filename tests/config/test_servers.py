"""What servers read of campaign.toml is told all at once, with its lines, before they begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.config.checking.servers import check_api_keys
from campaign.config.loader import LateCheck, load
from campaign.errors import ConfigErrors
from fakes.certificates import Authority
from fakes.prepared import campaigns
from fakes.prepared.open_campaigns import TOML, open_campaign

KEY = "0123456789abcdef0123456789abcdef"
FIRST = len(TOML.splitlines()) + 1  # line of what stands behind the campaign


def faults(folder: Path, *also: LateCheck) -> list[tuple[int, str, str]]:
    """Line, sentence and remedy of each."""
    with pytest.raises(ConfigErrors) as caught:
        load(folder, also=also)
    for error in caught.value.errors:
        assert error.file.endswith("campaign.toml")
    return [(error.line, error.what, error.remedy) for error in caught.value.errors]


def shop(folder: Path, more: str) -> Path:
    """The folder of an open campaign with this at its end, whether it is right or not."""
    open_campaign(folder)
    (folder / "campaign.toml").write_text(TOML + more, encoding="utf-8")
    return folder


def test_keys_of_the_api_that_will_not_do_are_told_together_each_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT_KEY", "hunter2")
    monkeypatch.setenv("SHOP_KEY", KEY)
    monkeypatch.setenv("TILL_KEY", KEY)
    monkeypatch.delenv("LOST_KEY", raising=False)
    keys = """[serve]
api_keys = [
  { env = "SHORT_KEY" },
  { env = "SHOP_KEY", label = "shop" },
  { env = "LOST_KEY", templates = ["code",
      "invoice"] },
  { env = "TILL_KEY", label = "till" },
]
"""
    long = "take at least 16, for example from: openssl rand -hex 32"
    same = "api_keys: key 4 is the same as key 2, so which application sends it is not known"
    assert faults(shop(tmp_path, keys), check_api_keys) == [
        (FIRST + 2, "api_keys: it has 7 bytes, and who guesses it can send letters", long),
        (
            FIRST + 4,
            "api_keys: the environment variable LOST_KEY is not set",
            "export LOST_KEY=... first",
        ),
        (
            FIRST + 5,
            "this key may ask for 'invoice', and there is no such template",
            "there are code, news, receipt",
        ),
        (FIRST + 6, same, "give each application a key of its own"),
    ]


def test_an_api_without_keys_is_told_where_they_belong(tmp_path: Path) -> None:
    ((line, what, remedy),) = faults(shop(tmp_path, '[serve]\ntitle = "Shop"\n'), check_api_keys)
    assert (line, what) == (FIRST, "the API has no keys, so nobody could use it")
    assert 'api_keys = [{ env = "CAMPAIGN_API_KEY" }]' in remedy


def test_a_template_that_a_key_names_and_nobody_wrote_is_told_by_every_command(
    tmp_path: Path,
) -> None:
    keys = '[serve]\napi_keys = { env = "NOT_SET_ANYWHERE", templates = ["invoice"] }\n'
    ((line, what, _),) = faults(shop(tmp_path, keys))
    assert (line, what) == (
        FIRST + 1,
        "this key may ask for 'invoice', and there is no such template",
    )


@pytest.mark.parametrize("how", [("--api",), ("--smtp", "127.0.0.1:0")])
def test_a_server_that_takes_letters_tells_all_faults_before_it_begins(
    tmp_path: Path,
    how: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SHORT_KEY", "hunter2")
    folder = shop(tmp_path, '[serve]\napi_keys = [{ env = "SHORT_KEY" }, { env = "LOST_KEY" }]\n')
    (folder / "secret").write_text("short")
    assert main(["serve", str(folder), *how]) == 78
    said = capfd.readouterr().err
    file, line = folder / "campaign.toml", FIRST + 1
    assert f"{file}:{line}: api_keys: it has 7 bytes" in said
    assert f"{file}:{line}: api_keys: the environment variable LOST_KEY is not set" in said
    assert "secret: it has 5 bytes" in said


def test_a_certificate_that_is_of_another_key_is_told_with_its_line_and_the_keys(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("127.0.0.1"), authority.issue("localhost")
    more = (
        f'[serve]\ncertificate = {{ cert = "{one.cert}", key = "{other.key}" }}\n'
        'api_keys = { env = "LOST_KEY" }\n'
    )
    folder = shop(tmp_path / "shop", more)
    assert main(["serve", str(folder), "--smtp", "127.0.0.1:0"]) == 78
    said = capfd.readouterr().err
    assert f"campaign.toml:{FIRST + 1}: certificate {one.cert} and key {other.key} cannot" in said
    assert f"campaign.toml:{FIRST + 2}: api_keys: the environment variable LOST_KEY" in said


def test_mail_beyond_this_machine_needs_a_certificate_and_the_table_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = shop(tmp_path, '[serve]\napi_keys = { env = "LOST_KEY" }\n')
    assert main(["serve", str(folder), "--smtp", "192.0.2.1:25"]) == 78
    said = capfd.readouterr().err
    assert f"campaign.toml:{FIRST}: without a certificate" in said
    assert f"campaign.toml:{FIRST + 1}: api_keys" in said


def test_a_plan_of_an_open_campaign_warns_of_what_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    folder = shop(tmp_path, '[serve]\napi_keys = [{ env = "SHOP_KEY" }, { env = "LOST_KEY" }]\n')
    assert main(["plan", str(folder)]) == 0
    (said,) = capfd.readouterr().err.splitlines()
    assert said.startswith(f"warning: {folder / 'campaign.toml'}:{FIRST + 1}: api_keys: ")
    assert "LOST_KEY is not set" in said


def test_the_web_side_tells_secrets_keys_of_providers_and_languages_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHORT_KEY", "hunter2")
    more = """[serve]
languages = "nowhere"
[bounces.sendgrid]
public_key = "MAo="
[bounces.mailgun]
signing_key = [{ env = "SHORT_KEY" }, { env = "LOST_KEY" }]
[bounces.postmark]
secret = { env = "SHORT_KEY" }
"""
    folder = campaigns.write(tmp_path, toml=campaigns.TOML + more)
    assert main(["serve", str(folder)]) == 78
    said = capfd.readouterr().err
    begin, at = len(campaigns.TOML.splitlines()), f"{folder / 'campaign.toml'}:"
    for line, what in (
        (campaigns.TOML.splitlines().index("[unsubscribe]") + 1, "there is no secret of tokens"),
        (begin + 2, "there is no folder 'nowhere'"),
        (begin + 4, "public_key: it is no public key"),
        (begin + 6, "signing_key: it has 7 bytes, and who guesses it can make up events"),
        (begin + 6, "signing_key: the environment variable LOST_KEY is not set"),
        (begin + 8, "secret: it has 7 bytes, and who guesses it can make up events"),
    ):
        assert f"{at}{line}: {what}" in said


def test_secrets_of_webhooks_that_are_none_are_told_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHORT_KEY", "hunter2")
    hooks = "".join(
        f'[[webhook]]\nurl = "https://example.com/{n}"\nsecret = {{ env = "SHORT_KEY" }}\n'
        'events = ["sent"]\n'
        for n in range(2)
    )
    folder = shop(tmp_path, hooks)
    assert main(["plan", str(folder)]) == 0
    capfd.readouterr()
    assert main(["webhooks", str(folder), "--deliver"]) == 78
    said = capfd.readouterr().err
    for line in (FIRST + 2, FIRST + 6):
        assert f"campaign.toml:{line}: secret: a webhook's secret begins with whsec_" in said
