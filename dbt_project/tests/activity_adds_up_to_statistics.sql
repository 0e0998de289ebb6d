-- What happened in a delivery's periods adds up to its statistics: opens, clicks, opt-outs and the rest, people and all.
{% set event_types = {'open_count': 'open', 'click_count': 'click', 'opt_out_count': 'opt_out', 'mirror_page_count': 'mirror_page',
                      'transaction_count': 'transaction'} %}
{% set firsts = {'pixel_open_count': 'open', 'recipient_click_count': 'click'} %}

with activity as (

    select
        delivery_id,
        {% for name, event_type in event_types.items() -%}
        sum(case when event_type = '{{ event_type }}' then event_count else 0 end) as {{ name }},
        sum(case when event_type = '{{ event_type }}' then human_event_count else 0 end) as human_{{ name }},
        {% endfor -%}
        {% for name, event_type in firsts.items() -%}
        sum(case when event_type = '{{ event_type }}' then first_count else 0 end) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('delivery_activity') }}
    group by delivery_id

)

select statistics.delivery_id
from {{ ref('delivery_statistics') }} as statistics
left join activity on statistics.delivery_id = activity.delivery_id
where
    {% for name in event_types -%}
    statistics.{{ name }} != coalesce(activity.{{ name }}, 0)
    or statistics.human_{{ name }} != coalesce(activity.human_{{ name }}, 0)
    or {% endfor -%}
    {% for name in firsts -%}
    statistics.{{ name }} != coalesce(activity.{{ name }}, 0){{ ' or ' if not loop.last }}
    {% endfor %}
