-- Postmark's webhooks. They carry no id of an event, so an event is told by what happened. The first ones had no RecordType:
-- what an event is shows by the fields that only it has.
{% set record_type %}
    coalesce(
        {{ json_text('payload', 'RecordType') }},
        case
            when {{ json_text('payload', 'DeliveredAt') }} is not null then 'Delivery'
            when {{ json_text('payload', 'BouncedAt') }} is not null then 'Bounce'
            when {{ json_text('payload', 'ChangedAt') }} is not null then 'SubscriptionChange'
            when {{ json_text('payload', 'OriginalLink') }} is not null then 'Click'
            when {{ json_text('payload', 'FirstOpen') }} is not null then 'Open'
        end
    )
{% endset %}

-- What Postmark bounced, also later, by its reason; a complaint of the old kind is a bounce of the type SpamComplaint.
{% set bounce_type %}
    coalesce(
        {{ bounce_class('postmark type', json_text('payload', 'Type')) }},
        {{ bounce_of_status(json_text('payload', 'Details')) }}, 'soft_bounce'
    )
{% endset %}

-- Postmark also tells here that it suppresses an address after a bounce or a complaint, which came as such, or no longer does.
{% set subscription_change %}
    case
        when {{ json_boolean('payload', 'SuppressSending', 'true') }}
            and {{ json_text('payload', 'SuppressionReason') }} in ('ManualSuppression', 'Unsubscribe')
            then 'opt_out'
        else 'other'
    end
{% endset %}

{% set event_type %}
    case {{ record_type }}
        when 'Delivery' then 'delivered'
        when 'Bounce' then {{ bounce_type }}
        when 'SpamComplaint' then 'complaint'
        when 'Open' then 'open'
        when 'Click' then 'click'
        when 'SubscriptionChange' then {{ subscription_change }}
        else 'other'
    end
{% endset %}

{{ staged_events('postmark', {
    'message_ref': json_id('payload', 'MessageID'),
    'delivery_ref': first_json_id('payload', var('postmark_delivery_paths')),
    'recipient_ref': json_id('payload', 'Metadata.recipient_id'),
    'email': email_of(first_json_text('payload', ['Recipient', 'Email'])),
    'source_event_type': "concat_ws('/', " ~ record_type ~ ", " ~ json_text('payload', 'Type') ~ ")",
    'event_type': event_type,
    'url': json_text('payload', 'OriginalLink'),
    'content_part': "case " ~ json_text('payload', 'ClickLocation') ~ " when 'HTML' then 'html' when 'Text' then 'text' end",
    'user_agent': json_text('payload', 'UserAgent'),
    'ip': json_text('payload', 'Geo.IP'),
    'reason': "case when " ~ record_type ~ " != 'Delivery' then "
        ~ first_json_text('payload', ['Description', 'Details', 'SuppressionReason']) ~ " end",
}) }}
