-- Brevo's webhooks, of transactional e-mails and (with `camp_id`) of marketing ones. They carry no id of an event: `id` is the
-- webhook's. The first open and the first click of a message come twice, once as unique: one event.
{% set kind %}
    case {{ json_text('payload', 'event') }}
        when 'unique_opened' then 'opened'
        when 'uniqueOpened' then 'opened'
        when 'unique_proxy_open' then 'proxy_open'
        when 'uniqueProxyOpen' then 'proxy_open'
        when 'proxyOpen' then 'proxy_open'
        when 'loaded_by_proxy' then 'proxy_open'
        when 'loadedByProxy' then 'proxy_open'
        when 'unique_click' then 'click'
        when 'uniqueClick' then 'click'
        else {{ json_text('payload', 'event') }}
    end
{% endset %}

{% set event_type %}
    case {{ kind }}
        when 'request' then 'sent'
        when 'sent' then 'sent'
        when 'delivered' then 'delivered'
        when 'deferred' then 'deferred'
        when 'hard_bounce' then 'hard_bounce'
        when 'hardBounce' then 'hard_bounce'
        when 'soft_bounce' then 'soft_bounce'
        when 'softBounce' then 'soft_bounce'
        -- Not sent: the address is on Brevo's block list, is none, or the message could not be made.
        when 'blocked' then 'rejected'
        when 'invalid_email' then 'rejected'
        when 'invalid' then 'rejected'
        when 'error' then 'rejected'
        when 'spam' then 'complaint'
        when 'complaint' then 'complaint'
        when 'unsubscribed' then 'opt_out'
        when 'unsubscribe' then 'opt_out'
        when 'opened' then 'open'
        when 'proxy_open' then 'open'
        when 'click' then 'click'
        else 'other'
    end
{% endset %}

-- The sender's own header comes back as text: JSON, or name:value|name:value. `tag` may hold the list of tags as text.
{% set delivery %}
    coalesce(
        {{ named_in_text(json_text('payload', 'X-Mailin-custom'), 'delivery_id') }},
        regexp_replace({{ first_json_id('payload', var('brevo_delivery_paths')) }}, '^\["([^"]+)".*\]$', '\1')
    )
{% endset %}

{{ staged_events('brevo', {
    'message_ref': json_id('payload', 'message-id'),
    'delivery_ref': delivery,
    'recipient_ref': named_in_text(json_text('payload', 'X-Mailin-custom'), 'recipient_id'),
    'email': email_of(json_text('payload', 'email')),
    'source_event_type': kind,
    'event_type': event_type,
    'url': first_json_text('payload', ['link', 'URL', 'url']),
    'user_agent': json_text('payload', 'user_agent'),
    'ip': json_text('payload', 'ip'),
    'reason': "nullif(" ~ json_text('payload', 'reason') ~ ", 'sent')",
    'is_machine_flagged': kind ~ " = 'proxy_open'",
}) }}
