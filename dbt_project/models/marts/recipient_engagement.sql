with judged as (

    select
        *,
        opt_out_count > 0 as is_opted_out,
        complaint_count > 0 as is_complaint,
        last_hard_bounce_at is not null
        and (last_delivered_at is null or last_delivered_at <= last_hard_bounce_at) as is_undeliverable
    from {{ ref('int_recipient_totals') }}

),

as_of as (

    select max(window_end) as as_of from {{ ref('workflow_windows') }}

)

select
    judged.recipient_id,
    {{ engagement_score(
        'judged.human_last_opened_at', 'judged.human_last_clicked_at', 'as_of.as_of',
        'judged.is_opted_out or judged.is_complaint or judged.is_undeliverable'
    ) }} as score,
    judged.human_open_count,
    judged.human_click_count,
    judged.is_undeliverable,
    judged.is_opted_out,
    judged.is_complaint,
    judged.last_delivered_at,
    judged.last_opened_at,
    judged.last_clicked_at,
    judged.human_last_opened_at,
    judged.human_last_clicked_at,
    as_of.as_of
from judged
cross join as_of
