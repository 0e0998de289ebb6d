"""Amazon SNS: whose topic, whose certificate, which URL, and who asked for a subscription."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from sillage.collector.verification import NotNowError, Refused, Request
from sillage.collector.verification.sns import is_amazon_url, is_certificate_url, verify
from support.collector_senders import CERTIFICATE_URL, SENDERS, TOPIC, certificate, sns_message

AMAZON = SENDERS["ses"]
KEY = AMAZON.secrets["key"]


def message(kind: str = "Notification", text: str = "{}", **members: str) -> Request:
    return Request({"content-type": "text/plain"}, sns_message(KEY, kind, text, **members), time.time())


def reason(request: Request, *, confirms: bool = False) -> str:
    with pytest.raises(Refused) as caught:
        verify(request, replace(AMAZON.credentials, confirms=confirms), AMAZON.certificate)
    return caught.value.reason


def test_a_subject_is_part_of_what_is_signed() -> None:
    assert verify(message(Subject="Amazon SES"), AMAZON.credentials, AMAZON.certificate)["Subject"] == "Amazon SES"
    changed = message(Subject="Amazon SES")
    assert reason(replace(changed, body=changed.body.replace(b"Amazon SES", b"Amazon XXX"))) == "bad_signature"


def test_a_topic_of_somebody_else_is_refused_however_well_it_is_signed() -> None:
    assert reason(message(TopicArn="arn:aws:sns:eu-west-1:999999999999:mine")) == "foreign_topic"


def test_a_subscription_is_confirmed_where_it_was_asked_for_and_else_refused() -> None:
    greeting = message("SubscriptionConfirmation", "You have chosen to subscribe")
    assert reason(greeting) == "not_confirmed"
    told = verify(greeting, replace(AMAZON.credentials, confirms=True), AMAZON.certificate)
    assert is_amazon_url(told["SubscribeURL"])


def test_the_end_of_a_subscription_is_a_message_like_others() -> None:
    assert verify(message("UnsubscribeConfirmation"), AMAZON.credentials, AMAZON.certificate)["TopicArn"] == TOPIC


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/other.pem",
        "https://[::1", "", "file:///etc/passwd", "https://snsXeu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    ],
)  # fmt: skip
def test_a_certificate_of_another_place_is_never_fetched(url: str) -> None:
    assert not is_certificate_url(url)
    fetched: list[str] = []
    with pytest.raises(Refused) as caught:
        verify(message(SigningCertURL=url), AMAZON.credentials, lambda asked: fetched.append(asked) or b"")
    assert (caught.value.reason, fetched) == ("bad_signature", [])


@pytest.mark.parametrize(
    "host", ["sns.us-east-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn", "sns.us-gov-west-1.amazonaws.com"]
)
def test_every_region_of_amazons_is_taken(host: str) -> None:
    assert is_certificate_url(CERTIFICATE_URL.replace("sns.eu-west-1.amazonaws.com", host))


def test_a_header_that_names_another_type_than_the_body_is_refused() -> None:
    request = message()
    assert reason(replace(request, headers={"x-amz-sns-message-type": "SubscriptionConfirmation"})) == "bad_signature"


def test_a_certificate_that_cannot_be_had_or_read_is_no_refusal() -> None:
    def broken(_: str) -> bytes:
        return b"<html>try again</html>"

    def away(_: str) -> bytes:
        raise NotNowError("away")

    for fetch in (broken, away):
        with pytest.raises(NotNowError):
            verify(message(), AMAZON.credentials, fetch)


@pytest.mark.parametrize("member", ["Message", "MessageId", "Timestamp"])
def test_a_message_without_what_is_signed_is_refused(member: str) -> None:
    document = json.loads(message().body)
    del document[member]
    assert reason(Request({}, json.dumps(document).encode(), 0.0)) == "bad_signature"


def test_a_certificate_of_another_kind_of_key_signs_nothing() -> None:
    assert (
        reason(replace(message(), body=message().body.replace(b'"SignatureVersion": "1"', b'"SignatureVersion": "2"')))
        == "bad_signature"
    )
    assert certificate(KEY).startswith(b"-----BEGIN")
