-- One row per partition that this run opens in the event store, with the delivery numbers it begins and ends before. Ahead of
-- that it gets its indexes, beside the counters that other threads count: only `publish` needs them, to attach it.
-- depends_on: {{ ref('int_event_store') }}
{{ config(pre_hook="{{ index_opened_partitions(ref('int_event_store')) }}") }}

select
    cast(null as integer) as first_delivery_number,
    cast(null as integer) as next_delivery_number
where false
{% for first, next in opened_partitions(ref('int_event_store')).values() %}
union all
select {{ first }}, {{ next }}
{% endfor %}
