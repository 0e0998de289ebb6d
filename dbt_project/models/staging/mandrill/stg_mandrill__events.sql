-- Mandrill's webhooks. They carry no id of an event. `msg.opens` and `msg.clicks` are all acts of the message so far, each of
-- which came as an event of its own: they are not counted. Only where a click does not say its URL is it the last of those.
{% set kind = json_text('payload', 'event') %}

{% set event_type %}
    case {{ kind }}
        when 'send' then 'sent'
        when 'delivered' then 'delivered'
        when 'deferral' then 'deferred'
        when 'hard_bounce' then 'hard_bounce'
        when 'soft_bounce' then 'soft_bounce'
        when 'reject' then 'rejected'
        when 'open' then 'open'
        when 'click' then 'click'
        when 'spam' then 'complaint'
        when 'unsub' then 'opt_out'
        else 'other'
    end
{% endset %}

{% set url %}
    case when {{ kind }} = 'click' then {{ first_json_text('payload', ['url', 'msg.clicks.-1.url']) }} end
{% endset %}

{{ staged_events('mandrill', {
    'message_ref': first_json_id('payload', ['_id', 'msg._id']),
    'delivery_ref': first_json_id('payload', var('mandrill_delivery_paths')),
    'recipient_ref': json_id('payload', 'msg.metadata.recipient_id'),
    'email': email_of(first_json_text('payload', ['msg.email', 'reject.email'])),
    'source_event_type': "coalesce(" ~ kind ~ ", " ~ json_text('payload', 'type') ~ ")",
    'event_type': event_type,
    'url': url,
    'user_agent': json_text('payload', 'user_agent'),
    'ip': json_text('payload', 'ip'),
    'reason': first_json_text('payload', ['msg.diag', 'msg.bounce_description', 'msg.reject.reason']),
}) }}
