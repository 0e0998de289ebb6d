-- Resend's webhooks. The event's id stands in the header svix-id, and in `_sillage` where the receiver wrote it there; else an
-- event is told by what happened. Its bounces are those of Amazon SES, by which Resend sends.
{% set kind = json_text('payload', 'type') %}

{% set bounce_type %}
    coalesce(
        {{ bounce_class('ses sub-type', json_text('payload', 'data.bounce.subType')) }},
        -- Before bounces had types.
        case when {{ json_text('payload', 'data.bounce.message') }} ~ 'suppressed sending|suppression list' then 'rejected' end,
        {{ bounce_class('ses type', json_text('payload', 'data.bounce.type')) }},
        {{ bounce_of_status(first_json_text('payload', ['data.bounce.diagnosticCode.0', 'data.bounce.message'])) }},
        case when {{ json_text('payload', 'data.bounce.type') }} = 'Undetermined' then 'soft_bounce' else 'hard_bounce' end
    )
{% endset %}

{% set event_type %}
    case {{ kind }}
        when 'email.sent' then 'sent'
        when 'email.delivered' then 'delivered'
        when 'email.delivery_delayed' then 'deferred'
        when 'email.bounced' then {{ bounce_type }}
        when 'email.suppressed' then 'rejected'
        when 'email.failed' then 'rejected'
        when 'email.complained' then 'complaint'
        when 'email.opened' then 'open'
        when 'email.clicked' then 'click'
        else 'other'
    end
{% endset %}

-- Tags are an object, or a list of names and values. The marketing ones of a broadcast have its id.
{% set delivery %}
    coalesce(
        {{ json_named_id('payload', 'data.tags', 'delivery_id') }},
        {{ first_json_id('payload', var('resend_delivery_paths')) }},
        {{ json_named_id('payload', 'data.tags', 'category') }}
    )
{% endset %}

{% set recipient %}
    coalesce({{ json_named_id('payload', 'data.tags', 'recipient_id') }}, {{ json_id('payload', 'data.tags.recipient_id') }})
{% endset %}

{% set email %}
    case
        when not {{ json_boolean('payload', '_sillage.is_recipient_ambiguous', 'false') }}
            then {{ first_json_id('payload', ['_sillage.recipient', 'data.to.0', 'data.to']) }}
    end
{% endset %}

{{ staged_events('resend', {
    'provider_event_id': json_id('payload', '_sillage.event_id'),
    'message_ref': json_id('payload', 'data.email_id'),
    'delivery_ref': delivery,
    'recipient_ref': recipient,
    'email': email_of(email),
    'source_event_type': kind,
    'event_type': event_type,
    'url': json_text('payload', 'data.click.link'),
    'user_agent': first_json_text('payload', ['data.click.userAgent', 'data.open.userAgent']),
    'ip': first_json_text('payload', ['data.click.ipAddress', 'data.open.ipAddress']),
    'reason': first_json_text('payload', [
        'data.bounce.diagnosticCode.0', 'data.bounce.message', 'data.suppressed.message', 'data.failed.reason'
    ]),
    'is_recipient_ambiguous': json_boolean('payload', '_sillage.is_recipient_ambiguous', 'false'),
}) }}
