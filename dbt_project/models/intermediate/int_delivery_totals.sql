-- The counters of a delivery and recipient domain, kept up to date by differences (macros/change_set/moved_counters.sql).
{{ config(unique_key=['delivery_id', 'recipient_domain'], tags=['serving']) }}

{{ moved_counters(
    ref('int_delivery_totals__differences'),
    keys=['delivery_id', 'recipient_domain'],
    counters=total_counters(),
    amounts=['transaction_amount', 'human_transaction_amount'],
    remains='message_count > 0'
) }}
