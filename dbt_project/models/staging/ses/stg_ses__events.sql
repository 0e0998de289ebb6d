-- Amazon SES, out of its envelope, one record per recipient concerned; `_sillage` is what landing found in the envelope. The
-- envelope's id is left aside: it differs between Firehose (none), SNS and EventBridge, which may all bring the same event.
{% set source_event_type = 'coalesce(' ~ json_text('payload', 'eventType') ~ ', ' ~ json_text('payload', 'notificationType') ~ ')' %}

{% set event_type %}
    case {{ source_event_type }}
        when 'Open' then 'open'
        when 'Click' then 'click'
        when 'Send' then 'sent'
        when 'Delivery' then 'delivered'
        when 'DeliveryDelay' then 'deferred'
        when 'Bounce' then {{ ses_bounce_type('payload') }}
        when 'Complaint' then {{ ses_complaint_type('payload') }}
        when 'Reject' then 'rejected'
        when 'Rendering Failure' then 'rejected'
        when 'Subscription' then case when {{ ses_opts_out('payload') }} then 'opt_out' else 'other' end
        else 'other'
    end
{% endset %}

{% set link_position %}
    nullif(
        cast(substring({{ first_json_id('payload', ['click.linkTags.position.*', 'click.linkTags.position']) }} from '^[0-9]{1,9}$')
            as integer), 0
    )
{% endset %}

{% set content_part %}
    case {{ first_json_id('payload', ['click.linkTags.content_part.*', 'click.linkTags.content_part']) }}
        when 'html' then 'html'
        when 'text' then 'text'
    end
{% endset %}

{% set reason %}
    coalesce(
        {{ json_text('payload', '_sillage.diagnostic') }}, {{ json_text('payload', 'bounce.bounceSubType') }},
        {{ json_text('payload', 'complaint.complaintSubType') }}, {{ json_text('payload', 'reject.reason') }},
        {{ json_text('payload', 'failure.errorMessage') }}, {{ json_text('payload', 'deliveryDelay.delayType') }}
    )
{% endset %}

{{ staged_events('ses', {
    'message_ref': json_id('payload', 'mail.messageId'),
    'delivery_ref': first_json_id('payload', var('ses_delivery_paths')),
    'recipient_ref': first_json_id('payload', ['mail.tags.recipient_id.*', 'mail.tags.recipient_id']),
    'email': email_of(json_text('payload', '_sillage.recipient')),
    'source_event_type': source_event_type,
    'event_type': event_type,
    'url': json_text('payload', 'click.link'),
    'link_position': link_position,
    'content_part': content_part,
    'user_agent': 'coalesce(' ~ json_text('payload', 'open.userAgent') ~ ', ' ~ json_text('payload', 'click.userAgent') ~ ')',
    'ip': 'coalesce(' ~ json_text('payload', 'open.ipAddress') ~ ', ' ~ json_text('payload', 'click.ipAddress') ~ ')',
    'reason': reason,
    'is_recipient_ambiguous': json_boolean('payload', '_sillage.is_recipient_ambiguous', 'false'),
}) }}
