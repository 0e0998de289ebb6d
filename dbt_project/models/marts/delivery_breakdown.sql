{{ config(
    materialized='change_set', unique_key=['delivery_id', 'event_type', 'device_type', 'os_family', 'browser_family'],
    tags=['serving']
) }}

{{ moved_counters(
    ref('delivery_breakdown__differences'),
    keys=['delivery_id', 'event_type', 'device_type', 'os_family', 'browser_family'],
    counters=['event_count', 'recipient_count', 'human_event_count'],
    remains='recipient_count > 0'
) }}
