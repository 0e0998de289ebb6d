-- One row per delivery. A delivery with new events is counted anew.
{{ config(unique_key='delivery_id', incremental_strategy='delete+insert') }}

with messages as (

    select
        delivery_id,
        bool_or(event_type = 'delivered') as is_delivered,
        bool_or(event_type = 'hard_bounce') as is_hard_bounce,
        bool_or(event_type = 'complaint') as is_complaint,
        bool_or(event_type = 'open') as is_opened,
        bool_or(event_type in ('open', 'click', 'opt_out')) as is_seen,
        bool_or(event_type = 'click') as is_clicked,
        count(*) filter (where event_type = 'open') as open_count,
        count(*) filter (where event_type = 'click') as click_count,
        count(*) filter (where event_type = 'opt_out') as opt_out_count,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at,
        max(_dlt_load_id) as _dlt_load_id
    from {{ ref('events') }}
    {% if is_incremental() %}
    where delivery_id in (
        select delivery_id from {{ ref('events') }}
        where _dlt_load_id > (select max(_dlt_load_id) from {{ this }})
    )
    {% endif %}
    group by delivery_id, recipient_id, message_id

),

counted as (

    select
        delivery_id,
        count(*) filter (where is_delivered) as delivered_count,
        count(*) filter (where is_hard_bounce) as hard_bounce_count,
        count(*) filter (where is_complaint) as complaint_count,
        count(*) filter (where is_opened) as pixel_open_count,
        count(*) filter (where is_seen) as recipient_open_count,
        count(*) filter (where is_clicked) as recipient_click_count,
        sum(open_count) as open_count,
        sum(click_count) as click_count,
        sum(opt_out_count) as opt_out_count,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at,
        max(_dlt_load_id) as _dlt_load_id
    from messages
    group by delivery_id

)

select
    *,
    round(recipient_open_count::numeric / nullif(delivered_count, 0), 6) as open_rate,
    round(recipient_click_count::numeric / nullif(delivered_count, 0), 6) as click_rate,
    round(recipient_click_count::numeric / nullif(recipient_open_count, 0), 6) as click_to_open_rate
from counted
