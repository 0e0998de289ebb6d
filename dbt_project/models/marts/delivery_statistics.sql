-- Grouped, not joined, so that a question about one delivery reads that delivery's rows alone. A delivery of the catalog has
-- its row from the start, with zeros: "nothing yet" is an answer too.
with figures as (

    select
        delivery_id,
        {% for name in total_counters() -%}
        {{ name }},
        {% endfor -%}
        cast(null as bigint) as catalog_targeted_count,
        cast(null as bigint) as catalog_to_deliver_count,
        0 as text_only_count
    from {{ ref('int_delivery_totals') }}

    union all

    select
        delivery_id,
        {% for name in total_counters() -%}
        0 as {{ name }},
        {% endfor -%}
        {{ json_integer('payload', 'targeted_count') }} as catalog_targeted_count,
        {{ json_integer('payload', 'to_deliver_count') }} as catalog_to_deliver_count,
        coalesce({{ json_integer('payload', 'text_only_count') }}, 0) as text_only_count
    from {{ ref('int_catalog__current') }}
    where entry_type = 'delivery'

),

totals as (

    select
        delivery_id,
        {% for name in total_counters() -%}
        sum({{ name }}) as {{ name }},
        {% endfor -%}
        max(catalog_targeted_count) as catalog_targeted_count,
        max(catalog_to_deliver_count) as catalog_to_deliver_count,
        sum(text_only_count) as text_only_count
    from figures
    group by delivery_id

),

counted as (

    select
        totals.delivery_id,
        {% for name in total_counters() if name not in ('message_count', 'targeted_count', 'rejected_count') -%}
        totals.{{ name }},
        {% endfor -%}
        totals.text_only_count,
        greatest(totals.targeted_count, totals.catalog_targeted_count) as targeted_count,
        -- The sender knows better than the events, where the catalog says it: what was rejected at home sends none.
        coalesce(
            totals.catalog_to_deliver_count,
            greatest(totals.targeted_count, totals.catalog_targeted_count) - totals.rejected_count
        ) as to_deliver_count,
        -- Null where no tracking event of the delivery has a requester id: then nobody can be told apart.
        case when spans.requester_event_count > 0 then spans.person_click_count end as person_click_count,
        case when spans.requester_event_count > 0 then spans.human_person_click_count end as human_person_click_count,
        spans.first_event_at,
        spans.last_event_at
    from totals
    left join {{ ref('int_delivery_spans') }} as spans on totals.delivery_id = spans.delivery_id

),

estimated as (

    select
        *,
        {% for prefix in ['', 'human_'] -%}
        {{ estimated_for_text_only(prefix ~ 'recipient_open_count', 'to_deliver_count', 'text_only_count') }}
            as {{ prefix }}estimated_recipient_open_count,
        {{ estimated_for_text_only(prefix ~ 'open_count', 'to_deliver_count', 'text_only_count') }}
            as {{ prefix }}estimated_open_count,
        {{ prefix }}person_click_count - {{ prefix }}recipient_click_count as {{ prefix }}forward_count{{ ',' if not loop.last }}
        {% endfor %}
    from counted

),

as_of as (

    select max(window_end) as as_of from {{ ref('workflow_windows') }}

)

select
    estimated.delivery_id,
    {% for name in [
        'targeted_count', 'to_deliver_count', 'delivered_count', 'hard_bounce_count', 'soft_bounce_count', 'complaint_count'
    ] -%}
    cast(estimated.{{ name }} as bigint) as {{ name }},
    {% endfor -%}
    {% for prefix in ['', 'human_'] -%}
    {% for name in [
        'open_count', 'recipient_open_count', 'pixel_open_count', 'estimated_recipient_open_count', 'estimated_open_count',
        'click_count', 'recipient_click_count', 'person_click_count', 'opt_out_count', 'mirror_page_count', 'forward_count',
        'web_page_count', 'transaction_count', 'article_count'
    ] -%}
    cast(estimated.{{ prefix }}{{ name }} as bigint) as {{ prefix }}{{ name }},
    {% endfor -%}
    cast(estimated.{{ prefix }}transaction_amount as numeric(18, 2)) as {{ prefix }}transaction_amount,
    {% endfor -%}
    cast(estimated.machine_open_count as bigint) as machine_open_count,
    cast(estimated.scanner_click_count as bigint) as scanner_click_count,
    cast(estimated.withheld_open_count as bigint) as withheld_open_count,
    {% for prefix in ['', 'human_'] -%}
    {{ rate('estimated.' ~ prefix ~ 'recipient_open_count', 'estimated.delivered_count') }} as {{ prefix }}open_rate,
    {{ rate('estimated.' ~ prefix ~ 'recipient_click_count', 'estimated.delivered_count') }} as {{ prefix }}click_rate,
    {{ rate('estimated.' ~ prefix ~ 'recipient_click_count', 'estimated.' ~ prefix ~ 'recipient_open_count') }}
        as {{ prefix }}click_to_open_rate,
    {{ rate('estimated.' ~ prefix ~ 'recipient_click_count', 'estimated.' ~ prefix ~ 'recipient_open_count') }}
        as {{ prefix }}raw_reactivity_rate,
    {{ rate('estimated.' ~ prefix ~ 'recipient_click_count', 'estimated.' ~ prefix ~ 'estimated_recipient_open_count') }}
        as {{ prefix }}reactivity_rate,
    {{ rate('estimated.' ~ prefix ~ 'opt_out_count', 'estimated.delivered_count') }} as {{ prefix }}opt_out_rate,
    {% endfor -%}
    {{ rate('estimated.complaint_count', 'estimated.delivered_count') }} as complaint_rate,
    {{ rate('estimated.hard_bounce_count + estimated.soft_bounce_count', 'estimated.to_deliver_count') }} as bounce_rate,
    estimated.first_event_at,
    estimated.last_event_at,
    as_of.as_of
from estimated
cross join as_of
