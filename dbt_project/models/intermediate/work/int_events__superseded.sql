-- One row per copy of an event that another copy stands for: the same one stands in whatever order the hours were run. Copies
-- are looked for only where they can be: an event has one row per hour, unless it was told in two ways.
with published as (

    select event_key from {{ published_candidates(['event_key']) }} as candidates

),

repeated as (

    select event_key from {{ ref('int_events__arrived') }}
    where event_key in (select event_key from published)

    union

    select event_key from published
    group by event_key
    having count(*) > 1

    union

    select event_key from {{ ref('int_events__arrived') }}
    where (select count(*) from {{ run_hours() }} as hours) > 1
    group by event_key
    having count(*) > 1

),

ranked as (

    select
        candidates.*,
        row_number() over (
            partition by delivery_id, message_key, recipient_id, event_key order by occurred_at, payload_order, window_start
        ) as copy_rank
    from {{ candidate_events([
        'delivery_id', 'message_key', 'recipient_id', 'event_key', 'window_start', 'occurred_at', 'payload_order'
    ]) }} as candidates
    where event_key in (select event_key from repeated)

),

{% set telling = [
    'delivery_id', 'message_key', 'recipient_id', 'event_key', 'window_start', 'delivery_ref', 'message_ref', 'source', 'provider_event_id',
    'source_event_type', 'url', 'position', 'content_part', 'ip', 'user_agent_key', 'occurred_at'
] %}

-- An event may be told in two ways: by event publishing with tags, and by a notification that names no delivery. Where the
-- same happened to one message at one time, the telling that names the delivery stands.
retold as (

    select
        unnamed.delivery_id,
        unnamed.message_key,
        unnamed.recipient_id,
        unnamed.event_key,
        unnamed.window_start
    from {{ candidate_events(telling) }} as unnamed
    where
        unnamed.delivery_ref is null
        and unnamed.message_ref is not null
        and exists (
            select 1 from {{ candidate_events(telling) }} as named
            where
                named.delivery_id = unnamed.delivery_id
                and {{ same_message('named', 'unnamed') }}
                and named.source = unnamed.source
                and named.delivery_ref is not null
                and case
                    when named.provider_event_id is null and unnamed.provider_event_id is null
                        then named.source_event_type = unnamed.source_event_type
                            and named.occurred_at = unnamed.occurred_at
                            {% for column in ['url', 'position', 'content_part', 'ip', 'user_agent_key'] -%}
                            and {{ is_same('named.' ~ column, 'unnamed.' ~ column) }}
                            {% endfor %}
                    else named.provider_event_id = unnamed.provider_event_id
                end
        )

)

select
    delivery_id,
    message_key,
    recipient_id,
    event_key,
    window_start
from ranked
where copy_rank > 1

union

select
    delivery_id,
    message_key,
    recipient_id,
    event_key,
    window_start
from retold
