{{ config(materialized='change_set', unique_key=['delivery_id', 'period_start', 'event_type'], tags=['serving']) }}

{{ moved_counters(
    ref('delivery_activity__differences'),
    keys=['delivery_id', 'period_start', 'event_type'],
    counters=['event_count', 'human_event_count', 'first_count'],
    remains='event_count > 0 or first_count > 0'
) }}
