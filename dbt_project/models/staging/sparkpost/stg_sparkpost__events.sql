-- SparkPost's events, out of their envelope `msys`. An open comes as initial_open (the pixel at the top) and as open (the one
-- at the bottom, or again), each with an id of its own. `ip_address` of a sending event is a mail server's, not a reader's.
{% set kind = json_text('payload', 'type') %}

{% set bounce_type %}
    coalesce(
        {{ bounce_class('sparkpost class', json_id('payload', 'bounce_class')) }},
        {{ bounce_of_status(first_json_text('payload', ['raw_reason', 'reason', 'error_code'])) }}, 'soft_bounce'
    )
{% endset %}

{% set event_type %}
    case {{ kind }}
        when 'injection' then 'sent'
        when 'delivery' then 'delivered'
        when 'delay' then 'deferred'
        when 'bounce' then {{ bounce_type }}
        when 'out_of_band' then {{ bounce_type }}
        when 'policy_rejection' then 'rejected'
        when 'generation_failure' then 'rejected'
        when 'generation_rejection' then 'rejected'
        when 'spam_complaint'
            then case lower({{ json_text('payload', 'fbtype') }}) when 'not-spam' then 'other' else 'complaint' end
        when 'open' then 'open'
        when 'initial_open' then 'open'
        when 'amp_open' then 'open'
        when 'amp_initial_open' then 'open'
        when 'click' then 'click'
        when 'amp_click' then 'click'
        when 'list_unsubscribe' then 'opt_out'
        when 'link_unsubscribe' then 'opt_out'
        else 'other'
    end
{% endset %}

{% set ip %}
    case
        when {{ kind }} in (
            'open', 'initial_open', 'amp_open', 'amp_initial_open', 'click', 'amp_click', 'link_unsubscribe', 'list_unsubscribe'
        ) then {{ json_text('payload', 'ip_address') }}
    end
{% endset %}

{{ staged_events('sparkpost', {
    'provider_event_id': json_id('payload', 'event_id'),
    'message_ref': first_json_id('payload', ['message_id', 'transmission_id']),
    'delivery_ref': first_json_id('payload', var('sparkpost_delivery_paths')),
    'recipient_ref': json_id('payload', 'rcpt_meta.recipient_id'),
    'email': email_of(first_json_text('payload', ['raw_rcpt_to', 'rcpt_to'])),
    'source_event_type': kind,
    'event_type': event_type,
    'url': json_text('payload', 'target_link_url'),
    'user_agent': json_text('payload', 'user_agent'),
    'ip': ip,
    'reason': first_json_text('payload', ['raw_reason', 'reason']),
    'is_machine_flagged': json_boolean('payload', 'user_agent_parsed.is_prefetched', 'false'),
}) }}
