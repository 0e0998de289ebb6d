{#
  What the providers call a failure, and the event type that it is: one table per list of theirs, with where they explain it.

  hard_bounce: the address does not exist, or takes no more mail. soft_bounce: a refusal for now, which includes a block (the
  receiving server's policy, content, reputation) and what nobody can tell. auto_reply: the mail arrived, and a machine
  answered. rejected: it was not sent at all, mostly as the address is suppressed. other: no failure of this mail.
  A word that stands in no table falls back to the status code of the receiving server (bounce_of_status).
#}
{% macro bounce_classes(name) %}
    {{ return({
        'postmark type': {
            'source': 'https://postmarkapp.com/developer/api/bounce-api#bounce-types',
            'hard_bounce': ['HardBounce', 'BadEmailAddress'],
            'soft_bounce': [
                'SoftBounce', 'Transient', 'DnsError', 'Blocked', 'DMARCPolicy', 'SpamNotification', 'VirusNotification'
            ],
            'auto_reply': ['AutoResponder', 'AddressChange', 'ChallengeVerification'],
            'rejected': ['ManuallyDeactivated', 'Unconfirmed', 'SMTPApiError', 'TemplateRenderingFailed'],
            'complaint': ['SpamComplaint'],
            'opt_out': ['Unsubscribe'],
            'other': ['Subscribe', 'OpenRelayTest', 'InboundError']
        },
        'mailgun reason': {
            'source': 'https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-structure (failed, rejected)',
            'soft_bounce': ['espblock', 'blacklisted', 'greylisted', 'spam', 'old'],
            'rejected': ['suppress-bounce', 'suppress-complaint', 'suppress-unsubscribe', 'homoglyph']
        },
        'mailgun code': {
            'source': 'https://help.mailgun.com/hc/en-us/articles/203409374 (codes of its own; the others are SMTP replies)',
            'hard_bounce': ['498'],
            'soft_bounce': ['499', '602'],
            'rejected': ['600', '601', '603', '604', '605', '606', '607', '608', '609', '610', '611', '612']
        },
        'sparkpost class': {
            'source': 'https://support.sparkpost.com/docs/deliverability/bounce-classification-codes',
            'hard_bounce': ['10', '15', '30'],
            'soft_bounce': ['20', '21', '22', '23', '24', '40', '50', '51', '52', '53', '54', '70'],
            'auto_reply': ['60', '100'],
            'rejected': ['25', '26'],
            'opt_out': ['90'],
            'other': ['80']
        },
        'mailjet error': {
            'source': 'https://dev.mailjet.com/email/guides/webhooks/#possible-values-for-errors',
            'hard_bounce': ['user unknown', 'mailbox inactive', 'invalid domain', 'no mail host', 'typofix'],
            'soft_bounce': [
                'quota exceeded', 'relay/access denied', 'greylisted', 'sender blocked', 'content blocked', 'policy issue',
                'system issue', 'protocol issue', 'connection issue'
            ],
            'rejected': [
                'blacklisted', 'spam reporter', 'preblocked', 'duplicate in campaign', 'bad or empty template',
                'error in template language'
            ]
        },
        'mailtrap category': {
            'source': 'https://docs.mailtrap.io/email-api-smtp/advanced/webhooks (the categories are those of PowerMTA)',
            'hard_bounce': ['hard', 'bad-mailbox', 'bad-domain', 'inactive-mailbox', 'no-answer-from-host'],
            'soft_bounce': [
                'soft', 'unavailable', 'block', 'blocked', 'spam', 'quota-issues', 'spam-related', 'policy-related',
                'routing-errors', 'protocol-errors', 'message-expired', 'relaying-issues', 'bad-connection', 'content-related',
                'virus-related', 'bad-configuration', 'invalid-sender'
            ]
        },
        'sendgrid classification': {
            'source': 'https://www.twilio.com/docs/sendgrid/ui/sending-email/bounce-classification',
            'hard_bounce': ['invalid address'],
            'soft_bounce': [
                'content', 'frequency or volume too high', 'frequency/volume', 'mailbox unavailable', 'reputation', 'technical',
                'technical failure'
            ]
        },
        'ses type': {
            'source': 'https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types (Resend sends by SES)',
            'hard_bounce': ['Permanent'],
            'soft_bounce': ['Transient']
        },
        'ses sub-type': {
            'source': 'https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types',
            'rejected': ['Suppressed', 'OnAccountSuppressionList', 'OnTenantSuppressionList', 'UnsubscribedRecipient']
        }
    }[name]) }}
{% endmacro %}

{# The event type that the table `name` gives to a word, else `otherwise` (SQL). #}
{% macro bounce_class(name, word, otherwise='null') -%}
    case {{ word }}
        {%- for event_type, words in bounce_classes(name).items() if event_type != 'source' %}
        {%- for listed in words %}
        when '{{ listed }}' then '{{ event_type }}'
        {%- endfor %}
        {%- endfor %}
        else {{ otherwise }}
    end
{%- endmacro %}

{#
  The same of what the receiving server said: by the first enhanced status code in a text (RFC 3463, 5.1.1), else by the first
  reply code (RFC 5321, 550); null where it has neither. 5.x.x is permanent, but only an address (5.1), a mailbox that is
  disabled (5.2.1) or unavailable (5.5.0), a host that nobody finds (5.4.1, 5.4.4) and what is not specified (5.0) is the
  address's fault: a full mailbox (5.2.2, 552), the sender's address (5.1.7, 5.1.8), content and policy (5.6, 5.7) are not.
#}
{% macro bounce_of_status(text) %}{{ return(adapter.dispatch('bounce_of_status', 'sillage')(text)) }}{% endmacro %}

{% macro postgres__bounce_of_status(text) -%}
    case
        when {{ text }} ~ '(^|[^0-9.])[45]\.[0-9]{1,3}\.[0-9]{1,3}(?!\.?[0-9])'
            then case
                when
                    substring({{ text }} from '(?:^|[^0-9.])([45]\.[0-9]{1,3}\.[0-9]{1,3})(?!\.?[0-9])')
                    ~ '^5\.(0\.|1\.(?![78]$)|2\.1$|4\.[14]$|5\.0$)'
                    then 'hard_bounce'
                else 'soft_bounce'
            end
        when {{ text }} ~ '(^|[^0-9.])[45][0-9]{2}(?![0-9.])'
            then case
                when substring({{ text }} from '(?:^|[^0-9.])([45][0-9]{2})(?![0-9.])') ~ '^5(?!52)' then 'hard_bounce'
                else 'soft_bounce'
            end
    end
{%- endmacro %}
