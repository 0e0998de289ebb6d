-- One row per delivery and recipient domain of which the touched messages count otherwise than before, with the difference.
{{ config(tags=['heavy']) }}

{% set last_temporary = 'coalesce(last_soft_bounce_at, last_auto_reply_at)' %}

with events as {{ asked_anew() }} (

    select
        *,
        {{ is_human('verdict') }} as is_human
    from {{ counted_events([
        'delivery_id', 'message_key', 'recipient_id', 'recipient_domain', 'event_type', 'verdict', 'is_repeat', 'is_withheld', 'amount',
        'article_count', 'occurred_at'
    ]) }} as weighted

),

-- What is true of a message as a whole: one bit for each flag, so that a message costs one aggregate and not sixteen.
messages as (

    select
        weight,
        delivery_id,
        message_key,
        recipient_id,
        max(recipient_domain) as recipient_domain,
        -- A truth, of which the planner expects half: were few expected, it would go through all messages for each event.
        min(recipient_domain) != max(recipient_domain) as has_several_domains,
        bit_or(
            {%- for name, condition in message_flags().items() %}
            case when {{ condition }} then {{ 2 ** loop.index0 }} else 0 end{{ ' +' if not loop.last }}
            {%- endfor %}
        ) as flags,
        max(case when event_type = 'soft_bounce' then occurred_at end) as last_soft_bounce_at,
        max(case when event_type = 'auto_reply' then occurred_at end) as last_auto_reply_at,
        max(case when event_type = 'hard_bounce' then occurred_at end) as last_hard_bounce_at,
        max(case when event_type = 'delivered' then occurred_at end) as last_delivered_at
    from events
    group by weight, delivery_id, message_key, recipient_id

),

message_sums as (

    select
        delivery_id,
        recipient_domain,
        sum(weight) as message_count,
        sum(
            case
                -- The last failure is temporary, and nothing was delivered after it.
                when last_hard_bounce_at >= {{ last_temporary }} or last_delivered_at > {{ last_temporary }} then 0
                when last_soft_bounce_at is not null then weight
                -- What sounds like an automatic reply is one where the message was delivered, else a refusal.
                when last_auto_reply_at is not null and last_delivered_at is null then weight
                else 0
            end
        ) as soft_bounce_count,
        {% for name in message_flags() -%}
        sum(case when flags & {{ 2 ** loop.index0 }} != 0 then weight else 0 end) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from messages
    group by delivery_id, recipient_domain

),

-- Addresses of two domains in one message: all of it counts in one of them, as its flags do.
moved as (

    select
        weight,
        delivery_id,
        message_key,
        recipient_id,
        recipient_domain
    from messages
    where has_several_domains

),

event_sums as (

    select
        events.delivery_id,
        coalesce(moved.recipient_domain, events.recipient_domain) as recipient_domain,
        {% for name, sum in event_sums().items() -%}
        coalesce(sum(case when {{ sum.where }} then events.weight * {{ sum.of }} end), 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from events
    left join moved
        on
            events.weight = moved.weight
            and events.delivery_id = moved.delivery_id
            and {{ same_message('events', 'moved') }}
    where {{ is_tracking_event('events.event_type') }}
    group by events.delivery_id, coalesce(moved.recipient_domain, events.recipient_domain)

)

select
    coalesce(message_sums.delivery_id, event_sums.delivery_id) as delivery_id,
    coalesce(message_sums.recipient_domain, event_sums.recipient_domain) as recipient_domain,
    {% for name in ['message_count', 'soft_bounce_count'] + (message_flags().keys() | list) -%}
    coalesce(message_sums.{{ name }}, 0) as {{ name }},
    {% endfor -%}
    {% for name in event_sums() -%}
    coalesce(event_sums.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from message_sums
full outer join event_sums
    on message_sums.delivery_id = event_sums.delivery_id and message_sums.recipient_domain = event_sums.recipient_domain
