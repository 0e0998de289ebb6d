-- Sillage's own event format (docs/schema/canonical_event.json): one field per column, nothing to guess.
{% set event_type %}
    case
        when {{ json_text('payload', 'event_type') }} = 'bounce'
            then case {{ json_text('payload', 'bounce_type') }} when 'hard' then 'hard_bounce' else 'soft_bounce' end
        when {{ json_text('payload', 'event_type') }} in (
            'targeted', 'sent', 'rejected', 'delivered', 'deferred', 'auto_reply', 'complaint', 'open', 'click',
            'mirror_page', 'opt_out', 'web', 'transaction', 'forward'
        ) then {{ json_text('payload', 'event_type') }}
        else 'other'
    end
{% endset %}

{{ staged_events('canonical', {
    'provider_event_id': json_id('payload', 'event_id'),
    'message_ref': json_id('payload', 'message_id'),
    'delivery_ref': first_json_id('payload', var('canonical_delivery_paths')),
    'recipient_ref': json_id('payload', 'recipient_id'),
    'email': email_of(json_text('payload', 'email')),
    'source_event_type': json_text('payload', 'event_type'),
    'event_type': event_type,
    'url': json_text('payload', 'url'),
    'link_position': json_position('payload', 'link_position'),
    'content_part': "case " ~ json_text('payload', 'content_part') ~ " when 'html' then 'html' when 'text' then 'text' end",
    'user_agent': json_text('payload', 'user_agent'),
    'ip': json_text('payload', 'ip'),
    'requester_id': json_id('payload', 'requester_id'),
    'http_method': 'upper(' ~ json_text('payload', 'method') ~ ')',
    'reason': 'coalesce(' ~ json_text('payload', 'reason') ~ ', ' ~ json_text('payload', 'diagnostic') ~ ')',
    'amount': json_amount('payload', 'amount'),
    'is_machine_flagged': json_boolean('payload', 'is_machine_flagged', 'false'),
    'article_count': 'cast(' ~ json_integer('payload', 'articles') ~ ' as bigint)',
}) }}
