-- Mailtrap's webhooks. A soft bounce is tried again, until it is delivered or bounces. Its name is written in two ways.
{% set kind = "replace(" ~ json_text('payload', 'event') ~ ", '_', ' ')" %}

{% set bounce_type %}
    coalesce(
        {{ bounce_class('mailtrap category', "translate(lower(" ~ json_text('payload', 'bounce_category') ~ "), ' _', '--')") }},
        {{ bounce_of_status(json_text('payload', 'response')) }}, {{ bounce_of_status(json_text('payload', 'response_code')) }},
        'hard_bounce'
    )
{% endset %}

{% set event_type %}
    case {{ kind }}
        when 'delivery' then 'delivered'
        when 'soft bounce' then 'soft_bounce'
        when 'bounce' then {{ bounce_type }}
        when 'reject' then 'rejected'
        when 'suspension' then 'rejected'
        when 'open' then 'open'
        when 'click' then 'click'
        when 'unsubscribe' then 'opt_out'
        when 'spam' then 'complaint'
        when 'spam complaint' then 'complaint'
        else 'other'
    end
{% endset %}

{{ staged_events('mailtrap', {
    'provider_event_id': json_id('payload', 'event_id'),
    'message_ref': json_id('payload', 'message_id'),
    'delivery_ref': first_json_id('payload', var('mailtrap_delivery_paths')),
    'recipient_ref': json_id('payload', 'custom_variables.recipient_id'),
    'email': email_of(json_text('payload', 'email')),
    'source_event_type': kind,
    'event_type': event_type,
    'url': json_text('payload', 'url'),
    'user_agent': json_text('payload', 'user_agent'),
    'ip': json_text('payload', 'ip'),
    'reason': first_json_text('payload', ['response', 'reason']),
}) }}
