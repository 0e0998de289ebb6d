-- What happened in a delivery's periods adds up to its statistics: opens, clicks, opt-outs, people and all.
with activity as (

    select
        delivery_id,
        sum(case when event_type = 'open' then event_count else 0 end) as open_count,
        sum(case when event_type = 'open' then human_event_count else 0 end) as human_open_count,
        sum(case when event_type = 'open' then first_count else 0 end) as pixel_open_count,
        sum(case when event_type = 'click' then event_count else 0 end) as click_count,
        sum(case when event_type = 'click' then human_event_count else 0 end) as human_click_count,
        sum(case when event_type = 'click' then first_count else 0 end) as recipient_click_count,
        sum(case when event_type = 'opt_out' then event_count else 0 end) as opt_out_count
    from {{ ref('delivery_activity') }}
    group by delivery_id

)

select statistics.delivery_id
from {{ ref('delivery_statistics') }} as statistics
left join activity on statistics.delivery_id = activity.delivery_id
where
    {% for name in [
        'open_count', 'human_open_count', 'pixel_open_count', 'click_count', 'human_click_count', 'recipient_click_count',
        'opt_out_count'
    ] -%}
    statistics.{{ name }} != coalesce(activity.{{ name }}, 0){{ ' or ' if not loop.last }}
    {% endfor %}
