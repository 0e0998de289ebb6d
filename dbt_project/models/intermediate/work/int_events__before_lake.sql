-- One row per published event, in the columns of int_events__for_lake: what the first run with a lake takes over.
{{ config(materialized='work_view') }}

{{ lake_events(ref('int_events')) }}
