-- Asked of the event store and the kinds of events alone: no other word of an event is needed.
{% set opened, clicked = event_sums()['open_count'].where, event_sums()['click_count'].where %}

with events as (

    {{ decoded_events(
        ref('int_event_store'),
        ['recipient_id', 'event_type', 'verdict', 'is_standing', 'is_withheld', 'is_repeat', 'occurred_at'],
        {'kind': ref('int_event_kinds')}
    ) }}

),

acts as (

    select
        recipient_id,
        count(case when {{ opened }} and {{ is_human('verdict') }} then 1 end) as human_open_count,
        count(case when {{ clicked }} and {{ is_human('verdict') }} then 1 end) as human_click_count,
        coalesce(bool_or(event_type = 'opt_out'), false) as is_opted_out,
        coalesce(bool_or(event_type = 'complaint'), false) as is_complaint,
        max(case when event_type = 'hard_bounce' then occurred_at end) as last_hard_bounce_at,
        max(case when event_type = 'delivered' then occurred_at end) as last_delivered_at,
        max(case when {{ opened }} then occurred_at end) as last_opened_at,
        max(case when {{ clicked }} then occurred_at end) as last_clicked_at,
        max(case when {{ opened }} and {{ is_human('verdict') }} then occurred_at end) as human_last_opened_at,
        max(case when {{ clicked }} and {{ is_human('verdict') }} then occurred_at end) as human_last_clicked_at
    from events
    -- All whom nobody names are no recipient.
    where is_standing and recipient_id != 'unknown'
    group by recipient_id

),

judged as (

    select
        *,
        last_hard_bounce_at is not null
        and (last_delivered_at is null or last_delivered_at <= last_hard_bounce_at) as is_undeliverable
    from acts

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
