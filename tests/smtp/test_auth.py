"""The login mechanisms against the examples of their RFCs."""

from __future__ import annotations

import base64
from typing import get_args

import pytest

from campaign.config.settings import Relay
from campaign.smtp.opening import auth


def test_plain_is_nul_name_nul_password() -> None:
    assert auth.Plain("tim", "tanstaaftanstaaf", "", 0).first() == b"\0tim\0tanstaaftanstaaf"


def test_cram_md5_answers_as_in_rfc_2195() -> None:
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    answer = auth.CramMd5("tim", "tanstaaftanstaaf", "", 0).answer(challenge)
    assert answer == b"tim b913a602c7eda7a495b4e6e7334d3890"


RFC_7677_NONCE = "rOprNGfwEbeRWgbNEkqO"
RFC_7677_CHALLENGE = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)


def scram() -> auth.ScramSha256:
    mechanism = auth.ScramSha256("user", "pencil", "", 0)
    mechanism.nonce = RFC_7677_NONCE
    assert mechanism.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    return mechanism


def test_scram_answers_as_in_rfc_7677() -> None:
    mechanism = scram()
    assert mechanism.answer(RFC_7677_CHALLENGE) == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert mechanism.answer(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") == b""
    mechanism.check_end()


def test_scram_refuses_a_server_that_does_not_know_the_password() -> None:
    mechanism = scram()
    mechanism.answer(RFC_7677_CHALLENGE)
    with pytest.raises(auth.AuthError, match="signature is wrong"):
        mechanism.answer(b"v=" + base64.b64encode(b"x" * 32))


def test_scram_is_not_done_until_the_server_has_proved_itself() -> None:
    mechanism = scram()
    mechanism.answer(RFC_7677_CHALLENGE)
    with pytest.raises(auth.AuthError, match="did not prove"):
        mechanism.check_end()


@pytest.mark.parametrize(
    "challenge",
    [
        b"r=somebody-elses-nonce,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=rOprNGfwEbeRWgbNEkqO123,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1",
        b"r=rOprNGfwEbeRWgbNEkqO123,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999",
        b"r=rOprNGfwEbeRWgbNEkqO123,s=!!!,i=4096",
        b"",
        b"\xff\xfe",
    ],
)
def test_scram_refuses_a_challenge_that_is_wrong(challenge: bytes) -> None:
    with pytest.raises(auth.AuthError):
        scram().answer(challenge)


def test_login_gives_name_then_password() -> None:
    mechanism = auth.Login("ada", "secret", "", 0)
    assert [mechanism.answer(b"?"), mechanism.answer(b"?")] == [b"ada", b"secret"]
    with pytest.raises(auth.AuthError):
        mechanism.answer(b"?")


def test_xoauth2_and_oauthbearer_carry_the_token() -> None:
    assert auth.Xoauth2("a@b", "tok", "", 0).first() == b"user=a@b\1auth=Bearer tok\1\1"
    assert auth.OauthBearer("a@b", "tok", "h", 587).first() == (
        b"n,a=a@b,\1host=h\1port=587\1auth=Bearer tok\1\1"
    )


def test_auto_takes_the_strongest_that_is_offered() -> None:
    offered = frozenset({"login", "plain", "cram-md5", "xoauth2"})
    assert auth.usable("auto", offered, is_token=False) == ["cram-md5", "plain", "login"]
    assert auth.usable("auto", offered | {"scram-sha-256"}, is_token=False)[0] == "scram-sha-256"
    assert auth.usable("auto", offered, is_token=True) == ["xoauth2"]
    assert auth.usable("plain", offered, is_token=False) == ["plain"]
    assert auth.usable("plain", frozenset({"login"}), is_token=False) == []


def test_every_mechanism_may_be_asked_for_by_name() -> None:
    wanted = get_args(Relay.model_fields["auth"].annotation)
    assert set(wanted) == {"auto", *auth.MECHANISMS}


@pytest.mark.parametrize(
    "challenge", ["VXNlcm5hbWU6", "VXNlcm5hbWU", "VXNlcm5hbWU=", " VXNlcm5hbWU "]
)
def test_a_challenge_may_lack_its_padding(challenge: str) -> None:
    assert auth.decode(challenge).startswith(b"Username")


def test_saslprep_maps_and_refuses_as_rfc_4013_says() -> None:
    assert auth.saslprep("I\u00adX") == "IX"
    assert auth.saslprep("\u00aa") == "a"
    assert auth.saslprep("\u2168") == "IX"
    with pytest.raises(auth.AuthError):
        auth.saslprep("\u0007")
