-- Postal's webhooks. What it holds (for a suppressed address, a held credential, a server in development mode) is not sent
-- unless somebody releases it. A bounce that came back as a mail has the message within `original_message`.
{% set kind = json_text('payload', 'event') %}

{% set event_type %}
    case
        when {{ json_text('payload', 'payload.message.direction') }} = 'incoming' then 'other'
        -- Whatever it is called: bounces have been seen as delays.
        when {{ json_text('payload', 'payload.bounce.message_id') }} is not null then 'hard_bounce'
        else case {{ kind }}
            when 'MessageSent' then 'delivered'
            when 'MessageDelayed' then 'deferred'
            when 'MessageDeliveryFailed'
                then coalesce({{ bounce_of_status(first_json_text('payload', ['payload.output', 'payload.details'])) }}, 'hard_bounce')
            when 'MessageBounced' then 'hard_bounce'
            when 'MessageHeld' then 'rejected'
            when 'MessageLinkClicked' then 'click'
            when 'MessageLoaded' then 'open'
            else 'other'
        end
    end
{% endset %}

{{ staged_events('postal', {
    'provider_event_id': json_id('payload', 'uuid'),
    'message_ref': first_json_id('payload', ['payload.message.message_id', 'payload.original_message.message_id']),
    'delivery_ref': first_json_id('payload', var('postal_delivery_paths')),
    'email': email_of(first_json_text('payload', ['payload.message.to', 'payload.original_message.to'])),
    'source_event_type': kind,
    'event_type': event_type,
    'url': json_text('payload', 'payload.url'),
    'user_agent': json_text('payload', 'payload.user_agent'),
    'ip': json_text('payload', 'payload.ip_address'),
    'reason': "case when " ~ kind ~ " != 'MessageSent' then "
        ~ first_json_text('payload', ['payload.output', 'payload.details']) ~ " end",
}) }}
