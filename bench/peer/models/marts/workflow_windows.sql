-- One row per hour of arrival and load: what it brought.
{{ config(unique_key=['window_start', '_dlt_load_id'], incremental_strategy='delete+insert') }}

{% set is_new %}
    {% if is_incremental() %}where _dlt_load_id > (select max(_dlt_load_id) from {{ this }}){% endif %}
{% endset %}

with records as (

    select window_start, _dlt_load_id, count(*) as record_count
    from {{ ref('stg_sendgrid__events') }}
    {{ is_new }}
    group by window_start, _dlt_load_id

),

first_told as (

    select window_start, _dlt_load_id, count(*) as event_count
    from {{ ref('events') }}
    {{ is_new }}
    group by window_start, _dlt_load_id

)

select
    window_start,
    window_start + interval '1 hour' as window_end,
    record_count,
    coalesce(event_count, 0) as event_count,
    record_count - coalesce(event_count, 0) as duplicate_count,
    now() as published_at,
    _dlt_load_id
from records
left join first_told using (window_start, _dlt_load_id)
