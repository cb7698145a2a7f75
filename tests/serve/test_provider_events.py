"""What providers post is taken only from them, once, and is on the disk before they hear so."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from campaign.errors import SuppressionError
from campaign.serve.app import application
from campaign.serve.providers import routes
from campaign.serve.providers.checks import MailgunCheck, PostmarkCheck, SendgridCheck
from campaign.serve.providers.routes import ProviderEvents
from campaign.serve.providers.sns import SnsCheck, host_of, signed_text
from campaign.serve.writing import StoreWriter
from campaign.suppression.inbox import Put
from campaign.suppression.store import SuppressionStore
from fakes.clock import FakeClock
from fakes.web.asgi import Answer, Visitor, visitor

TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-0123456789abcdef.pem"
KEY = "key-0123456789abcdef0123456789"
SECRET = "0123456789abcdef0123456789abcdef"
HOUR = 3600.0


class Signer:
    """A key for SNS with its certificate, and one for SendGrid."""

    def __init__(self, now: float) -> None:
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        today = dt.datetime.fromtimestamp(now, dt.UTC)
        self.pem = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.rsa.public_key())
            .serial_number(1)
            .not_valid_before(today - dt.timedelta(days=1))
            .not_valid_after(today + dt.timedelta(days=30))
            .sign(self.rsa, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )
        der = self.ec.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public = base64.b64encode(der).decode()

    def sns(self, document: dict[str, Any], version: str = "2") -> bytes:
        document = {"SignatureVersion": version, "SigningCertURL": CERTIFICATE, **document}
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signed = signed_text(document, document["Type"])
        signature = self.rsa.sign(signed, padding.PKCS1v15(), algorithm)
        return json.dumps({**document, "Signature": base64.b64encode(signature).decode()}).encode()

    def sendgrid(self, body: bytes, at: float) -> dict[str, str]:
        signature = self.ec.sign(f"{at:.0f}".encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": f"{at:.0f}",
        }


class Web:
    """What SNS has on its host; `asked` are the urls that were fetched."""

    def __init__(self, pem: bytes) -> None:
        self.pages = {CERTIFICATE: pem}
        self.asked: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.pages:
            raise OSError("the server says 404, not 200")
        return self.pages[url]


class Providers:
    """A server that hears all four; `store` is what it writes to."""

    def __init__(self, visiting: Visitor, store: SuppressionStore, clock: FakeClock) -> None:
        self.visiting = visiting
        self.store = store
        self.clock = clock
        self.signer: Signer
        self.web: Web
        self.said: list[str] = []

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        return self.visiting.ask("POST", path, body, headers)

    def kept(self) -> list[tuple[str, Any]]:
        return [
            (post.provider, json.loads(post.body)) for _, post in self.store.inbox.unread(["me"])
        ]

    def time(self, ago_s: float = 0) -> str:
        at = dt.datetime.fromtimestamp(self.clock.now_s() - ago_s, dt.UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def notification(self, **more: Any) -> dict[str, Any]:
        return {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Message": '{"eventType": "Send", "mail": {}}',
            "Timestamp": self.time(),
            **more,
        }

    def mailgun(self, at: float, event: Any, token: str = "t" * 50, key: str = KEY) -> bytes:
        timestamp = f"{at:.0f}"
        signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), "sha256").hexdigest()
        told = {"timestamp": timestamp, "token": token, "signature": signature}
        return json.dumps({"signature": told, "event-data": event}).encode()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(FakeClock().now_s())


@pytest.fixture
def there(tmp_path: Path, signer: Signer) -> Iterator[Providers]:
    clock, web, said = FakeClock(), Web(signer.pem), list[str]()

    def opened() -> SuppressionStore:
        return SuppressionStore.open("sqlite:///suppression.sqlite", tmp_path, clock)

    writer = StoreWriter(opened, clock)
    checks = {
        "ses": SnsCheck([TOPIC], web, clock, said.append),
        "sendgrid": SendgridCheck([signer.public]),
        "mailgun": MailgunCheck(["an older key", KEY]),
        "postmark": PostmarkCheck([SECRET]),
    }

    async def keep(post: Any) -> Put:
        return await writer.ask(lambda store: store.inbox.put(post))

    events = ProviderEvents(checks, keep, clock, said.append)
    with visitor(application([events.routes()])) as visiting, opened() as store:
        found = Providers(visiting, store, clock)
        found.signer, found.web, found.said = signer, web, said
        yield found
        visiting.run(writer.close())


# -- SES -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [{}, {"Subject": "Amazon SES Email Event Notification"}])
def test_a_signed_message_of_our_topic_is_kept_once(
    there: Providers, version: str, subject: dict[str, str]
) -> None:
    body = there.signer.sns(there.notification(**subject), version)
    for _ in range(3):
        answer = there.post("/events/ses", body)
        assert (answer.status, answer.body) == (200, b"")
    assert there.kept() == [("ses", json.loads(body))]
    assert there.web.asked == [CERTIFICATE]  # it was kept
    assert there.said == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Message": "{}"}, "signature is wrong"),
        ({"Subject": "added"}, "signature is wrong"),
        ({"MessageId": "another"}, "signature is wrong"),
        ({"SignatureVersion": "1"}, "signature is wrong"),
        ({"SignatureVersion": "3"}, "neither 1 nor 2"),
        ({"Signature": "%"}, "no base64"),
        ({"TopicArn": TOPIC.replace("123456789012", "999999999999")}, "not among `topics`"),
        ({"Type": "Other"}, "raw message delivery"),
        ({"SigningCertURL": "https://evil.example/x.pem"}, "certificate is not of"),
        ({"SigningCertURL": f"{HOST}.evil.example/x.pem"}, "certificate is not of"),
        ({"SigningCertURL": f"{HOST}@evil.example/x.pem"}, "certificate is not of"),
        ({"SigningCertURL": f"{HOST}:8443/x.pem"}, "certificate is not of"),
        ({"SigningCertURL": CERTIFICATE.replace("https", "http")}, "certificate is not of"),
        ({"SigningCertURL": CERTIFICATE.replace("eu-west-1", "us-east-1")}, "is not of"),
        ({"SigningCertURL": f"{HOST}/a/../x.pem"}, "certificate is not of"),
        ({"SigningCertURL": f"{HOST}/?Action=x&y=.pem"}, "certificate is not of"),
        ({"SigningCertURL": f"{HOST}\\@evil.example/x.pem"}, "certificate is not of"),
        ({"SigningCertURL": 5}, "certificate is not of"),
    ],
)
def test_what_is_forged_is_refused_and_nothing_foreign_is_fetched(
    there: Providers, change: dict[str, Any], said: str
) -> None:
    body = json.loads(there.signer.sns(there.notification()))
    answer = there.post("/events/ses", json.dumps({**body, **change}).encode())
    assert (answer.status, answer.body) == (403, b"")
    assert said in there.said[0]
    assert there.kept() == []
    assert set(there.web.asked) <= {CERTIFICATE}


def test_a_message_that_was_caught_on_the_way_is_refused_later(there: Providers) -> None:
    caught = there.signer.sns(there.notification())
    there.clock.wall += 3 * HOUR
    assert there.post("/events/ses", caught).status == 403
    assert there.post("/events/ses", there.signer.sns(
        there.notification(Timestamp=there.time(-HOUR)))).status == 403  # fmt: skip
    assert there.post("/events/ses", there.signer.sns(
        there.notification(Timestamp="soon"))).status == 403  # fmt: skip
    late = there.signer.sns(there.notification(Timestamp=there.time(HOUR)))
    assert there.post("/events/ses", late).status == 200


def test_a_certificate_that_cannot_be_had_or_is_none_lets_sns_try_again(there: Providers) -> None:
    body = there.signer.sns(there.notification())
    for page in (None, b"no certificate"):
        there.web.pages = {CERTIFICATE: page} if page else {}
        answer = there.post("/events/ses", body)
        assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    there.web.pages = {CERTIFICATE: there.signer.pem}
    assert there.post("/events/ses", body).status == 200


def test_a_certificate_that_has_ended_is_refused(there: Providers) -> None:
    there.clock.wall += 40 * 86400
    assert there.post("/events/ses", there.signer.sns(there.notification())).status == 403
    assert "not valid today" in there.said[0]


def test_who_makes_up_certificates_does_not_make_us_fetch_for_ever(there: Providers) -> None:
    body = json.loads(there.signer.sns(there.notification()))
    for number in range(60):
        url = f"{HOST}/made-up-{number}.pem"
        there.post("/events/ses", json.dumps({**body, "SigningCertURL": url}).encode())
    assert len(there.web.asked) <= 25


def test_a_subscription_is_confirmed_for_our_topic_alone(there: Providers) -> None:
    url = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc"
    there.web.pages[url] = b"<ok/>"
    made = there.notification(Type="SubscriptionConfirmation", Token="abc", SubscribeURL=url)
    assert there.post("/events/ses", there.signer.sns(made)).status == 200
    assert there.web.asked == [CERTIFICATE, url]
    assert there.said == [f"subscribed to {TOPIC}"]
    assert there.kept() == []
    for change in ({"SubscribeURL": "https://169.254.169.254/"}, {"TopicArn": TOPIC + "2"}):
        assert there.post("/events/ses", there.signer.sns({**made, **change})).status == 403
    unsigned = json.dumps({**json.loads(there.signer.sns(made)), "Token": "x"}).encode()
    assert there.post("/events/ses", unsigned).status == 403
    assert there.web.asked == [CERTIFICATE, url]


def test_the_end_of_a_subscription_is_told_and_not_taken_back(there: Providers) -> None:
    url = f"{HOST}/?Action=ConfirmSubscription"
    made = there.notification(Type="UnsubscribeConfirmation", Token="abc", SubscribeURL=url)
    assert there.post("/events/ses", there.signer.sns(made)).status == 200
    assert "was ended" in there.said[0]
    assert there.web.asked == [CERTIFICATE]


def test_the_host_of_a_topic_is_that_of_its_region() -> None:
    assert host_of(TOPIC) == "sns.eu-west-1.amazonaws.com"
    assert host_of("arn:aws-cn:sns:cn-north-1:1:x") == "sns.cn-north-1.amazonaws.com.cn"
    assert host_of("nonsense") == "sns..amazonaws.com"


# -- the others ----------------------------------------------------------------------------------


def test_sendgrid_signs_the_body_with_its_time(there: Providers) -> None:
    now = there.clock.now_s()
    body = b'[{"event": "bounce", "email": "ada@example.com"}]'
    signed = there.signer.sendgrid(body, now - 20 * HOUR)
    assert there.post("/events/sendgrid", body, signed).status == 200
    assert there.post("/events/sendgrid", body, signed).status == 200
    assert len(there.kept()) == 1
    assert there.post("/events/sendgrid", body + b" ", signed).status == 403
    assert there.post("/events/sendgrid", body).status == 403
    assert there.post("/events/sendgrid", body, there.signer.sendgrid(body, now - 26 * HOUR)
                      ).status == 403  # fmt: skip
    moved = {**signed, "X-Twilio-Email-Event-Webhook-Timestamp": f"{now:.0f}"}
    assert there.post("/events/sendgrid", body, moved).status == 403
    bad = {**signed, "X-Twilio-Email-Event-Webhook-Signature": "%"}
    assert there.post("/events/sendgrid", body, bad).status == 403
    assert len(there.kept()) == 1


@pytest.mark.parametrize(
    "key", ["MAo=", base64.b64encode(b"0" * 91).decode(), "no base64"]
)  # the last two look like keys to the config or do not
def test_what_is_no_key_of_sendgrid_is_told_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="it is no"):
        SendgridCheck([key])


def test_an_rsa_key_is_not_one_of_sendgrid(signer: Signer) -> None:
    der = signer.rsa.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(ValueError, match="not a key for ECDSA"):
        SendgridCheck([base64.b64encode(der).decode()])


def test_a_token_of_mailgun_is_good_for_one_body(there: Providers) -> None:
    now = there.clock.now_s()
    body = there.mailgun(now, {"event": "opened"})
    assert there.post("/events/mailgun", body).status == 200
    assert there.post("/events/mailgun", body).status == 200  # it tries again
    forged = body.replace(b"opened", b"complained")
    assert there.post("/events/mailgun", forged).status == 403
    assert "somebody has changed it" in there.said[0]
    assert [event["event-data"] for _, event in there.kept()] == [{"event": "opened"}]


def test_mailgun_is_known_by_its_key_and_time(there: Providers) -> None:
    now = there.clock.now_s()
    for number, (at, key, status) in enumerate(
        [
            (now, KEY, 200), (now, "an older key", 200), (now, "another", 403),
            (now - 8 * HOUR, KEY, 200), (now - 10 * HOUR, KEY, 403), (now + HOUR, KEY, 403),
        ]
    ):  # fmt: skip
        body = there.mailgun(at, {}, token=f"{number}" * 50, key=key)
        assert there.post("/events/mailgun", body).status == status
    for change in ({"timestamp": "soon"}, {"token": ""}, {"signature": "é"}, {"signature": None}):
        told = json.loads(there.mailgun(now, {}))["signature"] | change
        assert there.post("/events/mailgun", json.dumps({"signature": told}).encode()
                          ).status == 403  # fmt: skip


def test_an_account_below_another_is_known_by_its_parents_signature(there: Providers) -> None:
    told = json.loads(there.mailgun(there.clock.now_s(), {}))
    told["signature"] |= {"parent-signature": told["signature"]["signature"], "signature": "0"}
    assert there.post("/events/mailgun", json.dumps(told).encode()).status == 200


def test_postmark_knows_the_secret_of_the_url(there: Providers) -> None:
    def basic(text: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    body = b'{"RecordType": "Bounce"}'
    assert there.post(f"/events/postmark/{SECRET}", body).status == 200
    assert there.post("/events/postmark", body, basic(f"postmark:{SECRET}")).status == 200
    assert len(there.kept()) == 1
    for path, headers in (
        ("/events/postmark", {}), ("/events/postmark/x", {}), ("/events/postmark/", {}),
        ("/events/postmark", basic("postmark:")), ("/events/postmark", basic(SECRET)),
        ("/events/postmark", {"Authorization": f"Bearer {SECRET}"}),
        ("/events/postmark", {"Authorization": "Basic %"}),
    ):  # fmt: skip
        assert there.post(path, body, headers).status in (401, 404, 307)
    assert there.post("/events/postmark", body).headers["www-authenticate"] == "Basic"


# -- all of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", routes.NAMES)
@pytest.mark.parametrize("body", [b"", b"x", b"[" * 50_000, b"\xff", b"null", b"[]", b'"x"', b"7"])
def test_what_is_no_post_of_a_provider_is_refused(there: Providers, name: str, body: bytes) -> None:
    assert there.post(f"/events/{name}", body).status in (400, 401, 403)
    assert there.kept() == []


@pytest.mark.parametrize("name", routes.NAMES)
def test_a_body_of_more_than_a_megabyte_is_not_read(there: Providers, name: str) -> None:
    assert there.post(f"/events/{name}", b" " * (routes.MOST_BYTES + 1)).status == 413
    told = {"content-length": str(1 << 40)}
    assert there.post(f"/events/{name}", b"{}", told).status == 413


def test_of_a_provider_that_is_not_configured_nothing_is_taken(tmp_path: Path) -> None:
    async def keep(post: Any) -> Put:
        raise AssertionError(post)

    said: list[str] = []
    events = ProviderEvents({}, keep, FakeClock(), said.append)
    with visitor(application([events.routes()])) as visiting:
        for name in routes.NAMES:
            assert visiting.ask("POST", f"/events/{name}", b"{}").status == 404
    assert "there is no [bounces.ses] in campaign.toml" in said[0]


def test_a_store_that_cannot_be_written_lets_the_provider_try_again() -> None:
    async def keep(post: Any) -> Put:
        raise SuppressionError("the disk is full")

    said: list[str] = []
    checks = {"postmark": PostmarkCheck([SECRET])}
    events = ProviderEvents(checks, keep, FakeClock(), said.append)
    with visitor(application([events.routes()])) as visiting:
        for _ in range(3):
            answer = visiting.ask("POST", f"/events/postmark/{SECRET}", b"{}")
            assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert said == ["campaign: a post to /events/postmark was not taken: the disk is full"]


def test_reading_changes_nothing(there: Providers) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert there.visiting.ask(method, "/events/ses").status == 405
    assert there.kept() == []
