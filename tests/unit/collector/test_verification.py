"""The proof of every provider: a true request, a wrong key, a changed byte, an old time, a repeated request."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import replace

import pytest

from sillage.collector import providers
from sillage.collector.providers import PROVIDERS
from sillage.collector.verification import Credentials, Refused, Request
from support.collector_senders import SENDERS, Sender, no_certificate

NOW = time.time()
SIGNING = [name for name, sender in SENDERS.items() if sender.is_signed]
every_sender = pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS.keys())
every_signer = pytest.mark.parametrize("sender", [SENDERS[name] for name in SIGNING], ids=SIGNING)


def verify(sender: Sender, request: Request, credentials: Credentials | None = None) -> None:
    providers.verify(sender.source, request, credentials or sender.credentials, sender.certificate)


def reason(sender: Sender, request: Request, credentials: Credentials | None = None) -> str:
    with pytest.raises(Refused) as caught:
        verify(sender, request, credentials)
    return caught.value.reason


def test_every_provider_has_a_sender() -> None:
    assert {sender.source for sender in SENDERS.values()} == set(PROVIDERS)


@every_sender
def test_a_true_request_is_taken_and_so_is_its_repeat(sender: Sender) -> None:
    request = sender.request(NOW)
    verify(sender, request)
    verify(sender, replace(request, received_at=NOW + 1))


@every_sender
def test_another_key_is_refused(sender: Sender) -> None:
    with pytest.raises(Refused) as caught:
        # Amazon's other key is another certificate.
        providers.verify(sender.source, sender.request(NOW), sender.others, sender.others_certificate)
    assert caught.value.reason in {"bad_signature", "bad_credentials"}


@pytest.mark.parametrize(
    "sender", [sender for sender in SENDERS.values() if not sender.credentials.topics], ids=lambda one: one.source
)
def test_both_keys_of_a_rotation_are_taken(sender: Sender) -> None:
    mine, others = sender.credentials, sender.others
    both = replace(
        mine,
        keys=(*others.keys, *mine.keys),
        logins=(*others.logins, *mine.logins),
        bearers=(*others.bearers, *mine.bearers),
        headers={name: (*others.headers.get(name, ()), *values) for name, values in mine.headers.items()},
    )
    verify(sender, sender.request(NOW), both)


@every_signer
def test_a_changed_byte_is_refused(sender: Sender) -> None:
    changed = sender.changed(sender.request(NOW))
    assert reason(sender, changed) == "bad_signature"


@every_sender
def test_a_request_without_its_proof_is_asked_for_it(sender: Sender) -> None:
    assert reason(sender, sender.bare(sender.request(NOW))) == "no_credentials"


@pytest.mark.parametrize(
    ("name", "window"),
    [("sendgrid", 25 * 3600), ("mailgun", 25 * 3600), ("mailgun form", 25 * 3600), ("resend", 300), ("customerio", 25 * 3600)],
)  # fmt: skip
def test_an_old_time_is_refused_and_so_is_one_of_the_future(name: str, window: int) -> None:
    sender = SENDERS[name]
    for age, is_taken in ((window - 5, True), (window + 5, False), (-290, True), (-310, False)):
        request = replace(sender.request(NOW - age), received_at=NOW)
        if is_taken:
            verify(sender, request)
        else:
            assert reason(sender, request) == "stale"


def test_a_time_that_is_no_number_is_refused() -> None:
    for told in ("nan", "inf", "soon"):
        sender = SENDERS["customerio"]
        request = sender.request(NOW)
        headers = {**request.headers, "x-cio-timestamp": told}
        digest = hmac.new(b"a-signing-key", f"v0:{told}:".encode() + request.body, hashlib.sha256).hexdigest()
        assert reason(sender, replace(request, headers={**headers, "x-cio-signature": digest})) == "stale"


def test_the_vectors_of_the_providers_own_libraries_are_true() -> None:
    """Published with Svix's and SendGrid's libraries: they were not made by the code that is tested here."""
    svix = Request(
        {
            "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "svix-timestamp": "1614265330",
            "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        1_614_265_340.0,
    )
    providers.verify("resend", svix, Credentials(keys=("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",)), no_certificate)
    sendgrid = Request(
        {
            "x-twilio-email-event-webhook-signature": "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZU"
            "AiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
            "x-twilio-email-event-webhook-timestamp": "1600112502",
        },
        b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
        b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
        b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
        b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n',
        1_600_112_510.0,
    )
    key = (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqI"
        "M8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
    )
    providers.verify("sendgrid", sendgrid, Credentials(keys=(key,)), no_certificate)


def test_resend_takes_one_of_several_signatures_and_the_standard_headers() -> None:
    sender = SENDERS["resend"]
    request = sender.request(NOW)
    headers = dict(request.headers)
    headers["svix-signature"] = f"v1a,xyz v1,AAAA {headers['svix-signature']}"
    verify(sender, replace(request, headers=headers))
    renamed = {name.replace("svix-", "webhook-"): value for name, value in request.headers.items()}
    verify(sender, replace(request, headers=renamed))


def test_mandrills_test_at_the_set_up_is_taken_and_nothing_else_with_its_key() -> None:
    sender = SENDERS["mandrill"]
    test_key = replace(sender.credentials, keys=("test-webhook",))
    empty = sender.signed_by(test_key, b"[]")
    verify(sender, empty)
    assert reason(sender, sender.signed_by(test_key, b'[{"event":"open"}]')) == "bad_signature"


def test_a_login_is_asked_for_beside_the_signature_where_both_are_configured() -> None:
    sender = SENDERS["mailgun"]
    both = replace(sender.credentials, logins=("mailgun:a-long-secret",))
    assert reason(sender, sender.request(NOW), both) == "no_credentials"
    request = sender.request(NOW)
    login = {**request.headers, "authorization": "Basic bWFpbGd1bjphLWxvbmctc2VjcmV0"}
    verify(sender, replace(request, headers=login), both)


def test_a_source_without_any_proof_lets_nobody_in() -> None:
    for name in PROVIDERS:
        with pytest.raises(Refused):
            providers.verify(name, Request({}, b'{"a": 1}', NOW), Credentials(), no_certificate)
