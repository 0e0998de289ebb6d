-- Whole years, so that a year has the days that a year has: from the first event or hour to the newest hour. An event may be a
-- day younger than its hour, not more (landing rejects it).
with spans as (

    select
        min(first_at) as first_at,
        max(last_at) as last_at
    from (
        select
            min(window_start) as first_at,
            max(window_end) as last_at
        from {{ ref('workflow_windows') }}
        union all
        select
            min(first_event_at) as first_at,
            cast(null as timestamptz) as last_at
        from {{ ref('int_delivery_spans') }}
    ) as found

),

years as (

    select
        {{ first_day_of('year', site_day('first_at')) }} as first_day,
        {{ first_day_of('year', site_day("last_at + interval '1 day'")) }} as last_year
    from spans

),

days as (

    select days.day
    from years
    cross join lateral {{ all_days('years.first_day', "years.last_year + interval '1 year' - interval '1 day'") }} as days

)

select
    day,
    {{ day_part('year', 'day') }} as year_number,
    {{ day_part('quarter', 'day') }} as quarter_number,
    {{ day_part('month', 'day') }} as month_number,
    {{ day_part('day', 'day') }} as day_of_month,
    {{ day_part('isodow', 'day') }} as day_of_week,
    {{ day_part('isoyear', 'day') }} as week_year,
    {{ day_part('week', 'day') }} as week_number,
    {{ day_part('isodow', 'day') }} in (6, 7) as is_weekend,
    {{ first_day_of('quarter', 'day') }} as quarter_start,
    {{ first_day_of('month', 'day') }} as month_start,
    {{ first_day_of('week', 'day') }} as week_start,
    {{ start_of_site_day('day') }} as starts_at,
    {{ start_of_site_day("(day + interval '1 day')") }} as ends_at
from days
