-- Mailjet's Event API. It carries no id of an event; `MessageID` is larger than a float can hold. "blocked" is what Mailjet
-- did not send. A bounce says whether it is a hard one; its error says so where that is missing.
{% set kind = json_text('payload', 'event') %}

{% set bounce_type %}
    case
        when {{ json_boolean('payload', 'hard_bounce', 'null') }} then 'hard_bounce'
        when not {{ json_boolean('payload', 'hard_bounce', 'null') }} then 'soft_bounce'
        else coalesce(
            {{ bounce_class('mailjet error', 'lower(' ~ json_text('payload', 'error') ~ ')') }},
            {{ bounce_of_status(json_text('payload', 'comment')) }}, 'soft_bounce'
        )
    end
{% endset %}

{% set event_type %}
    case {{ kind }}
        -- With the receiving server's answer: it is there.
        when 'sent' then 'delivered'
        when 'open' then 'open'
        when 'click' then 'click'
        when 'bounce' then {{ bounce_type }}
        when 'blocked' then 'rejected'
        when 'spam' then 'complaint'
        when 'unsub' then 'opt_out'
        else 'other'
    end
{% endset %}

-- The payload that the sender gave the message comes back as text. A campaign's number is 0 where there is none.
{% set delivery %}
    coalesce(
        {{ named_in_text(json_text('payload', 'Payload'), 'delivery_id') }},
        nullif({{ first_json_id('payload', var('mailjet_delivery_paths')) }}, '0')
    )
{% endset %}

{{ staged_events('mailjet', {
    'message_ref': json_id('payload', 'MessageID'),
    'delivery_ref': delivery,
    'recipient_ref': named_in_text(json_text('payload', 'Payload'), 'recipient_id'),
    'email': email_of(json_text('payload', 'email')),
    'source_event_type': kind,
    'event_type': event_type,
    'url': "nullif(" ~ json_text('payload', 'url') ~ ", '')",
    'user_agent': json_text('payload', 'agent'),
    'ip': json_text('payload', 'ip'),
    'reason': first_json_text('payload', ['comment', 'error', 'error_related_to']),
}) }}
