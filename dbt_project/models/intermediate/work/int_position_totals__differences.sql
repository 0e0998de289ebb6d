-- One row per delivery and position in its message at which the touched messages hold other clicks than before, with the
-- difference.
{{ config(tags=['heavy']) }}

{% set extremes = {
    'first_url': ('min', 'url'), 'last_url': ('max', 'url'),
    'first_link_id': ('min', 'link_id'), 'last_link_id': ('max', 'link_id')
} %}

with messages as (

    select
        weight,
        delivery_id,
        delivery_number,
        case when position is null then '' else coalesce(content_part, '') end as content_part,
        coalesce(position, 0) as position,
        count(*) as click_count,
        sum(case when {{ is_human('verdict') }} then 1 else 0 end) as human_click_count,
        {% for name, (aggregate, column) in extremes.items() -%}
        {{ aggregate }}({{ column }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ counted_events([
        'delivery_id', 'delivery_number', 'message_key', 'recipient_id', 'content_part', 'position', 'url', 'link_id', 'event_type', 'verdict'
    ]) }} as weighted
    where event_type = 'click'
    group by
        weight, delivery_id, delivery_number, message_key, recipient_id,
        case when position is null then '' else coalesce(content_part, '') end, coalesce(position, 0)

)

select
    delivery_id,
    delivery_number,
    content_part,
    position,
    sum(weight * click_count) as click_count,
    sum(weight) as recipient_click_count,
    sum(weight * human_click_count) as human_click_count,
    {% for name, (aggregate, column) in extremes.items() -%}
    {{ aggregate }}(case when weight = -1 then {{ name }} end) as was_{{ name }},
    {{ aggregate }}(case when weight = 1 then {{ name }} end) as is_now_{{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from messages
group by delivery_id, delivery_number, content_part, position
