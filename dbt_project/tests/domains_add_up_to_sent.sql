-- What became of a delivery's domains adds up to what became of the delivery; the catalog may know of more targets than the events.
{% set names = [
    'delivered_count', 'hard_bounce_count', 'soft_bounce_count', 'complaint_count', 'recipient_open_count', 'recipient_click_count',
    'human_recipient_open_count', 'human_recipient_click_count', 'opt_out_count'
] %}

with domains as (

    select
        delivery_id,
        {% for name in names -%}
        sum({{ name }}) as {{ name }},
        {% endfor -%}
        sum(targeted_count) as targeted_count
    from {{ ref('delivery_domains') }}
    group by delivery_id

)

select statistics.delivery_id
from {{ ref('delivery_statistics') }} as statistics
left join domains on statistics.delivery_id = domains.delivery_id
where
    statistics.targeted_count < domains.targeted_count
    {% for name in names -%}
    or statistics.{{ name }} != coalesce(domains.{{ name }}, 0)
    {% endfor %}
