with days as (

    select
        day,
        sum(case when event_type = 'open' then human_event_count else 0 end) as human_open_count,
        sum(case when event_type = 'click' then human_event_count else 0 end) as human_click_count,
        sum(case when event_type = 'opt_out' then event_count else 0 end) as opt_out_count
    from {{ source('sillage', 'daily_engagement') }}
    group by day

),

span as (

    select
        (select min(day) from days) as first_day,
        (select max(window_end) from {{ source('sillage', 'workflow_windows') }}) as as_of

)

select
    calendar.day,
    coalesce(days.human_open_count, 0) as human_open_count,
    coalesce(days.human_click_count, 0) as human_click_count,
    coalesce(days.opt_out_count, 0) as opt_out_count
from {{ source('sillage', 'calendar') }} as calendar
cross join span
left join days on calendar.day = days.day
where calendar.day >= span.first_day and calendar.starts_at < span.as_of
