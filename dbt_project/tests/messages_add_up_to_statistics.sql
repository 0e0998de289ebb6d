-- The messages of a delivery add up to its statistics; those with the status of a bounce
-- are those that bounced and were not delivered.
{% set sums = ['open_count', 'click_count', 'human_open_count', 'human_click_count'] %}
{% set counts = {
    'delivered_count': "status = 'delivered'",
    'hard_bounce_count': 'is_hard_bounce',
    'soft_bounce_count': 'is_soft_bounce',
    'complaint_count': 'is_complaint',
    'pixel_open_count': 'first_opened_at is not null',
    'recipient_click_count': 'first_clicked_at is not null',
} %}

with messages as (

    select
        delivery_id,
        {% for name in sums -%}
        sum({{ name }}) as {{ name }},
        {% endfor -%}
        {% for name, condition in counts.items() -%}
        sum(case when {{ condition }} then 1 else 0 end) as {{ name }},
        {% endfor -%}
        sum(case when status in ('hard_bounce', 'soft_bounce') then 1 else 0 end) as failed_count,
        sum(case when (is_hard_bounce or is_soft_bounce) and delivered_at is null then 1 else 0 end)
            as undelivered_count
    from {{ ref('messages') }}
    group by delivery_id

)

select statistics.delivery_id
from {{ ref('delivery_statistics') }} as statistics
left join messages on statistics.delivery_id = messages.delivery_id
where
    -- Of a closed delivery only the counters are left.
    statistics.delivery_id not in (select delivery_id from {{ source('ops', 'closed_delivery') }})
    and (
        messages.failed_count != messages.undelivered_count
        {% for name in sums + (counts.keys() | list) -%}
        or statistics.{{ name }} != coalesce(messages.{{ name }}, 0)
        {% endfor %}
    )
