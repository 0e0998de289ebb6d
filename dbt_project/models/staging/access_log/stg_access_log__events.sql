-- The access log of a redirect server; `_sillage` is the request that landing read out of the line, whatever its format.
{% set event_type = access_log_event_type('payload') %}

{% set url %}
    -- A pixel leads nowhere.
    case when {{ event_type }} != 'open' then {{ first_json_id('payload', var('access_log_url_paths')) }} end
{% endset %}

{{ staged_events('access_log', {
    'provider_event_id': json_text('payload', '_sillage.request_id'),
    'message_ref': first_json_id('payload', var('access_log_message_paths')),
    'delivery_ref': first_json_id('payload', var('access_log_delivery_paths')),
    'recipient_ref': first_json_id('payload', var('access_log_recipient_paths')),
    'email': email_of(first_json_id('payload', var('access_log_email_paths'))),
    'source_event_type': 'coalesce(' ~ json_text('payload', '_sillage.method') ~ ", '') || ' ' || " ~ event_type,
    'event_type': event_type,
    'url': url,
    'link_position': "cast(substring(" ~ first_json_id('payload', var('access_log_position_paths')) ~ " from '^[1-9][0-9]{0,8}$') as integer)",
    'user_agent': json_text('payload', '_sillage.user_agent'),
    'ip': json_text('payload', '_sillage.ip'),
    'http_method': json_text('payload', '_sillage.method'),
}) }}
