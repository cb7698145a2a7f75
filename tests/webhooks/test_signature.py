"""Signatures as the Standard Webhooks have them; their own library is the oracle."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from campaign.errors import ConfigError
from campaign.webhooks.signature import new_secret, read_key, signed_fields

_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the standard's test vector


def test_the_test_vector_of_the_standard_comes_out() -> None:
    fields = signed_fields(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        [read_key(_SECRET)],
    )
    assert fields["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_the_standards_own_library_verifies_what_is_signed(told: dict[str, str]) -> None:
    import json

    secret = new_secret()
    body = json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        body.decode()
    except UnicodeDecodeError:
        return  # no JSON text: RFC 8259, 8.1
    fields = signed_fields("msg_1", time.time(), body, [read_key(secret)])
    assert Webhook(secret).verify(body, fields) == told
    at = datetime.fromtimestamp(int(fields["webhook-timestamp"]), UTC)
    assert Webhook(secret).sign("msg_1", at, body.decode()) == fields["webhook-signature"]


def test_while_a_secret_is_changed_the_old_and_the_new_one_verify() -> None:
    old, new = new_secret(), new_secret()
    fields = signed_fields("msg_1", time.time(), b"{}", [read_key(new), read_key(old)])
    for secret in (old, new):
        assert Webhook(secret).verify(b"{}", fields) == {}


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("hunter2", "begins with whsec_"),
        ("whsec_***", "not base64"),
        ("whsec_" + base64.b64encode(b"short").decode(), "has 5 bytes"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "has 65 bytes"),
        ("whsk_" + base64.b64encode(bytes(64)).decode(), "key pair"),
    ],
)
def test_what_is_no_secret_is_refused_in_a_sentence(secret: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        read_key(secret)
    assert secret not in str(refused.value)
