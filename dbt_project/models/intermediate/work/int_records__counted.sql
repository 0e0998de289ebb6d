-- One row per record that is an event: it names one, and its delivery is not closed (what comes for a delivery whose logs
-- retention has dropped cannot be told from what was counted before).
{{ config(materialized='work_view') }}

select * from {{ ref('int_records__identified') }} -- noqa: AM04
where
    named_event_type != 'other'
    and delivery_id not in (select delivery_id from {{ source('ops', 'closed_delivery') }})
