-- The event store: every distinct event of every hour, with what was found out about it. Copies of an event in other hours
-- stay (is_standing false), so that an hour that is taken back does not take the event with it.
-- The last two indexes are the tabs': what leads somewhere by its address, and the few that a log of a million would hide.
{{ config(
    unique_key=['delivery_number', 'message_key', 'event_key', 'window_start'],
    is_partitioned=true,
    indexes=[
        {'columns': ['delivery_number', 'occurred_at']},
        {'columns': ['recipient_id', 'occurred_at']},
        {'columns': ['window_start']},
        {'columns': ['email_key'], 'where': 'recipient_ref is null and email_key is not null'},
        {'columns': ['message_ref'], 'type': 'hash'},
        {'columns': ['message_ref'], 'where': 'delivery_ref is null and message_ref is not null'},
        {'columns': ['delivery_number', 'requester_id'], 'where': 'requester_id is not null'},
        {
            'columns': ['delivery_number', "left(coalesce(url, ''), 200)", 'occurred_at'],
            'where': "url is not null or event_type not in ('targeted', 'sent', 'delivered', 'open')",
        },
        {
            'columns': ['delivery_number', 'occurred_at'],
            'where': "event_type not in ('targeted', 'sent', 'delivered', 'open', 'click')"
            ~ " or device_type not in ('desktop', 'mobile', 'unknown')"
            ~ " or verdict not in ('human', 'proxy_open')",
        },
    ]
) }}

{% set keys = ['delivery_number', 'message_key', 'event_key', 'window_start'] %}

-- The macro below reads `wanted` in a row comparison, which sqlfluff cannot parse.
with wanted as ( -- noqa: ST03

    select
        event.delivery_number,
        event.message_key,
        event.event_key,
        event.window_start,
        event.delivery_id,
        event.recipient_id,
        event.message_id,
        event.link_id,
        event.source,
        event.provider_event_id,
        event.message_ref,
        event.delivery_ref,
        event.recipient_ref,
        event.email_key,
        event.email_domain,
        event.resolved_email_domain,
        event.recipient_domain,
        event.source_event_type,
        event.named_event_type,
        event.event_type,
        event.url,
        event.content_part,
        event.user_agent_key,
        event.device_type,
        event.os_family,
        event.browser_family,
        event.ip,
        event.requester_id,
        event.http_method,
        event.reason,
        {{ verdict_of() }} as verdict,
        {{ verdict_reason_of() }} as verdict_reason,
        event.payload_hash,
        event.copy_count,
        event.position,
        event.amount,
        event.article_count,
        event.is_machine_flagged,
        event.is_recipient_ambiguous,
        event.is_standing,
        event.is_withheld,
        event.is_standing and coalesce(pattern.is_repeat, false) as is_repeat,
        event.occurred_at
    from {{ ref('int_events__linked') }} as event
    left join {{ ref('int_events__patterns') }} as pattern
        on
            event.delivery_number = pattern.delivery_number
            and event.message_key = pattern.message_key
            and event.event_key = pattern.event_key
    left join {{ ref('int_addresses__in_networks') }} as network on event.ip = network.ip

)

{{ changes_between(
    'wanted', ref('int_events__published_before'), contract_columns(), keys, wanted_keys=ref('int_events__linked')
) }}
