-- The event store: every distinct event of every hour, in numbers; int_events shows it with its words. Copies of an event in
-- other hours stay (their kind is not standing), so that an hour that is taken back does not take the event with it.
-- The key is not held by an index of its own: the rule events_are_unique looks that no run counts an event twice.
-- The hour is indexed as the number that runs ask for, and as the time that int_events shows.
{{ config(
    unique_key=['delivery_number', 'message_key', 'recipient_id', 'event_key', 'arrived_hour'],
    is_key_indexed=false,
    is_partitioned=true,
    indexes=[
        {'columns': ['message_key']},
        {'columns': ['recipient_id']},
        {'columns': ['arrived_hour', '(' ~ hour_of('arrived_hour') ~ ')'], 'type': 'brin'},
        {'columns': ['delivery_number', 'occurred_at']},
        {'columns': ['delivery_number', 'occurred_at'], 'where': 'is_rare'},
        {'columns': ['delivery_number', 'place_key'], 'where': 'place_key is not null'},
        {'columns': ['delivery_number', 'requester_id'], 'where': 'requester_id is not null'},
        {'columns': ['address_key'], 'where': 'not is_recipient_named and address_key is not null'},
        {'columns': ['message_key'], 'where': 'not is_delivery_named and message_ref is not null'},
    ]
) }}

{% set keys = config.get('unique_key') %}

-- The macro below reads `wanted` in a row comparison, which sqlfluff cannot parse.
with wanted as ( -- noqa: ST03

    select
        event.occurred_at,
        event.message_key,
        event.event_key,
        {{ shortened_key('event.email_key') }} as address_key,
        event.user_agent_key,
        event.place_key,
        event.delivery_number,
        kind.kind_number,
        domain.domain_number,
        event.arrived_hour,
        event.payload_order,
        nullif(event.copy_count - 1, 0) as further_copy_count,
        event.delivery_ref is not null as is_delivery_named,
        event.recipient_ref is not null as is_recipient_named,
        kind.is_rare,
        event.recipient_id,
        event.message_ref,
        event.provider_event_id,
        event.ip,
        event.requester_id,
        event.reason,
        event.amount,
        event.article_count
    from {{ ref('int_events__linked') }} as event
    left join {{ ref('int_events__patterns') }} as pattern
        on
            event.delivery_number = pattern.delivery_number
            and {{ same_message('event', 'pattern') }}
            and event.event_key = pattern.event_key
    left join {{ ref('int_addresses__in_networks') }} as network on event.ip = network.ip
    inner join {{ ref('int_event_kinds__judged') }} as judged on judged.combination_key = {{ combination_key() }}
    inner join {{ ref('int_event_kinds__used') }} as kind on judged.kind_id = kind.kind_id
    inner join {{ ref('int_domains__used') }} as domain on event.recipient_domain = domain.recipient_domain

)

{{ changes_between(
    'wanted', ref('int_events__published_before'), contract_columns(), keys, wanted_keys=ref('int_events__linked')
) }}
