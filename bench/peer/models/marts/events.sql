-- One row per distinct event. One that comes again in a later hour keeps the hour that told it first.
{{ config(
    unique_key='event_id',
    incremental_strategy='merge',
    merge_exclude_columns=['window_start', '_dlt_load_id'],
    indexes=[
        {'columns': ['event_id'], 'unique': true},
        {'columns': ['delivery_id']},
        {'columns': ['recipient_id']},
        {'columns': ['_dlt_load_id']},
    ],
    post_hook='analyze {{ this }}'
) }}

select distinct on (event_id) *
from {{ ref('stg_sendgrid__events') }}
{% if is_incremental() %}
where _dlt_load_id > (select max(_dlt_load_id) from {{ this }})
{% endif %}
order by event_id
