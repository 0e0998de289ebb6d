-- One row per recipient of whom the touched messages count otherwise than before, with the difference; `is_recounted` where
-- it is no difference but all there is: of a recomputed delivery's recipients, whose published row may have drifted.
{{ config(tags=['heavy']) }}

{% set columns = recipient_act_list() %}

with recounted as (

    select distinct touched.recipient_id
    from {{ ref('int_messages__touched') }} as touched
    inner join {{ ref('int_deliveries__recomputed') }} as recomputed on touched.delivery_number = recomputed.delivery_number

),

events as (

    select weighted.*
    from {{ weighted_events(columns) }} as weighted
    where
        {{ is_of_a_recipient('weighted.recipient_id') }}
        and (weighted.weight = 1 or weighted.recipient_id not in (select recipient_id from recounted))

    union all

    select
        1 as weight,
        {% for name in columns -%}
        other.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from recounted
    cross join lateral {{ untouched_of_recipient(columns | join(', '), 'recounted.recipient_id', 'true') }} as other
    where {{ is_of_a_recipient('other.recipient_id') }}

),

-- A recipient costs one aggregate for each figure, before and after: few were there before.
counted as (

    select
        weight,
        recipient_id,
        {{ recipient_figures() }}
    from events
    group by weight, recipient_id

)

select
    recipient_id,
    recipient_id in (select recipient_id from recounted) as is_recounted,
    {% for name in recipient_sums() -%}
    sum(weight * {{ name }}) as {{ name }},
    {% endfor -%}
    {% for name in recipient_extremes() -%}
    max(case when weight = -1 then {{ name }} end) as was_{{ name }},
    max(case when weight = 1 then {{ name }} end) as is_now_{{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from counted
group by recipient_id
