-- The counters, which only ever move by differences, have not drifted: a recount of all events gives the same.
with recounted as (

    select
        delivery_id,
        count(*) as event_count,
        sum(case when event_type = 'click' then 1 else 0 end) as click_count,
        sum(case when event_type = 'click' and {{ is_human('verdict') }} then 1 else 0 end) as human_click_count,
        sum(case when event_type = 'open' and not is_repeat and not is_withheld then 1 else 0 end) as open_count,
        count(distinct case when event_type = 'delivered' then (message_key, recipient_id) end) as delivered_count,
        count(distinct case when {{ is_tracking_event('event_type') }} and not is_withheld then (message_key, recipient_id) end)
            as recipient_open_count,
        count(distinct case when event_type = 'click' then (message_key, recipient_id) end) as recipient_click_count,
        count(distinct case when event_type = 'click' then requester_id end) as person_click_count
    from {{ ref('int_events') }}
    where is_standing
    group by delivery_id

),

counted as (

    select
        delivery_id,
        sum(click_count) as click_count,
        sum(human_click_count) as human_click_count,
        sum(open_count) as open_count,
        sum(delivered_count) as delivered_count,
        sum(recipient_open_count) as recipient_open_count,
        sum(recipient_click_count) as recipient_click_count
    from {{ ref('int_delivery_totals') }}
    group by delivery_id

)

-- Deliveries, and recipients.
select recounted.delivery_id as drifted_id
from recounted
full outer join counted on recounted.delivery_id = counted.delivery_id
full outer join {{ ref('int_delivery_spans') }} as spans on recounted.delivery_id = spans.delivery_id
where
    -- Of a closed delivery only the counters are left.
    coalesce(recounted.delivery_id, counted.delivery_id, spans.delivery_id)
    not in (select delivery_id from {{ source('ops', 'closed_delivery') }})
    and (
    recounted.event_count is distinct from spans.event_count
    or recounted.person_click_count is distinct from spans.person_click_count
    {% for name in [
        'click_count', 'human_click_count', 'open_count', 'delivered_count', 'recipient_open_count', 'recipient_click_count'
    ] -%}
    or recounted.{{ name }} is distinct from counted.{{ name }}
    {% endfor %}
    )

union all

(
    select recipient_id as drifted_id from (
        select * from {{ ref('int_recipient_totals') }}
        except
        select * from {{ ref('int_recipient_totals__recounted') }}
    ) as drifted
    union
    select recipient_id from (
        select * from {{ ref('int_recipient_totals__recounted') }}
        except
        select * from {{ ref('int_recipient_totals') }}
    ) as missed
)
