-- depends_on: {{ ref('int_events__published_before') }}
{{ config(materialized='change_set', unique_key=['window_start']) }}

with run_hours as (

    select window_start from {{ run_hours() }} as hours

),

landed as (

    select
        window_start,
        sum(record_count) as record_count,
        sum(rejected_count) as rejected_count
    from {{ source('ops', 'landed_file') }}
    where window_start in (select window_start from run_hours)
    group by window_start

),

without_event as (

    select window_start, sum(other_count) as other_count
    from (
        select window_start, count(*) as other_count from {{ ref('int_records__identified') }} group by window_start
        union all
        select window_start, -count(*) as other_count from {{ ref('int_records__counted') }} group by window_start
        union all
        select window_start, count(*) as other_count from {{ source('raw', 'catalog') }}
        where window_start in (select window_start from run_hours)
        group by window_start
    ) as records
    group by window_start

),

-- An event stands in one hour; its copies, in that hour and in others, are duplicates. An hour run later may take an event
-- over, so the figures of other hours change too.
differences as (

    select
        window_start,
        sum(weight * event_count) as event_count,
        sum(weight * (copy_count - event_count)) as duplicate_count,
        sum(case when weight = 1 then event_count else 0 end) as event_count_now,
        sum(case when weight = 1 then copy_count - event_count else 0 end) as duplicate_count_now
    from (
        select
            1 as weight,
            window_start,
            case when is_standing then 1 else 0 end as event_count,
            copy_count
        from {{ ref('int_events__changed') }}
        where _change != 'remove'
        union all
        select
            -1 as weight,
            window_start,
            case when is_standing then 1 else 0 end as event_count,
            copy_count
        from {{ ref('int_events__published_before') }}
    ) as weighted
    group by window_start

),

-- Grouped, not united: the planner takes the rows of a union for distinct, and every join below then multiplies its guess
-- (a hash of 512 files for one row).
touched as (

    select window_start
    from (
        select window_start from run_hours
        union all
        select window_start from differences
    ) as hours
    group by window_start

),

current_rows as (

    select * from {{ this }}
    where window_start in (select window_start from touched)

),

current_run as (

    select started_at
    from {{ source('ops', 'run') }}
    where run_id = (select run_id from {{ source('ops', 'writer') }})

),

counted as (

    select
        touched.window_start,
        touched.window_start + interval '1 hour' as window_end,
        cast(case when hours.window_start is null then current_rows.record_count else coalesce(landed.record_count, 0) end as bigint)
            as record_count,
        -- All events of a run's own hour are at hand, and some that it once brought may be gone with their deliveries' logs.
        {% for name in ['event_count', 'duplicate_count'] -%}
        cast(
            case
                when hours.window_start is null then coalesce(current_rows.{{ name }}, 0) + coalesce(differences.{{ name }}, 0)
                else coalesce(differences.{{ name }}_now, 0)
            end as bigint
        ) as {{ name }},
        {% endfor -%}
        cast(case when hours.window_start is null then current_rows.other_count else coalesce(without_event.other_count, 0) end as bigint)
            as other_count,
        cast(
            case when hours.window_start is null then current_rows.rejected_count else coalesce(landed.rejected_count, 0) end as bigint
        ) as rejected_count,
        current_rows.published_at
    from touched
    left join run_hours as hours on touched.window_start = hours.window_start
    left join landed on touched.window_start = landed.window_start
    left join without_event on touched.window_start = without_event.window_start
    left join differences on touched.window_start = differences.window_start
    left join current_rows on touched.window_start = current_rows.window_start

),

-- The hour keeps the time of its first publication, so that running it again changes nothing.
wanted as (

    select
        counted.window_start,
        counted.window_end,
        counted.record_count,
        counted.event_count,
        counted.duplicate_count,
        counted.other_count,
        counted.rejected_count,
        coalesce(counted.published_at, current_run.started_at) as published_at
    from counted
    cross join current_run

)

{{ changes_between('wanted', 'current_rows', contract_columns(), ['window_start']) }}
