-- What is known of a delivery besides sums over its messages: when it was sent, its first and last event, and how many
-- requesters (cookies) clicked.
{{ config(unique_key=['delivery_id'], tags=['serving']) }}

{% set when = {'sent_at': "other.event_type in ('sent', 'delivered')", 'event_at': 'not other.is_withheld'} %}

{{ moved_counters(
    ref('int_delivery_spans__differences'),
    keys=['delivery_id'],
    carried=['delivery_number'],
    counters=['event_count', 'requester_event_count', 'person_click_count', 'human_person_click_count'],
    extremes={
        'sent_at': {'aggregate': 'min', 'of': 'occurred_at', 'where': when.sent_at},
        'first_event_at': {'aggregate': 'min', 'of': 'occurred_at', 'where': when.event_at},
        'last_event_at': {'aggregate': 'max', 'of': 'occurred_at', 'where': when.event_at},
    },
    remains='event_count > 0'
) }}
