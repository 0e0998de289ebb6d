-- One row per combination of what decides what a touched event is: its kind and its verdict. Combinations are a few hundred where
-- events are a million, so a verdict is found for each of them and not for each event (macros/verdicts/verdict_rules.sql).
with combinations as (

    select distinct
        {{ combination_key() }} as combination_key,
        event.kind_key,
        pattern.is_repeat,
        pattern.is_honeypot,
        pattern.is_burst,
        pattern.is_sweep,
        pattern.is_early_click,
        network.verdict as network_verdict
    from {{ ref('int_events__linked') }} as event
    left join {{ ref('int_events__patterns') }} as pattern
        on
            event.delivery_number = pattern.delivery_number
            and {{ same_message('event', 'pattern') }}
            and event.event_key = pattern.event_key
    left join {{ ref('int_addresses__in_networks') }} as network on event.ip = network.ip

),

-- All events with one kind_key agree in what it was made of: one of them tells.
examples as (

    select
        kind_key,
        min(event_key) as event_key
    from {{ ref('int_events__linked') }}
    group by kind_key

),

told as (

    select distinct
        event.kind_key,
        event.agent_kind,
        {% for column in linked_kind_columns() -%}
        event.{{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_events__linked') }} as event
    inner join examples on event.event_key = examples.event_key and event.kind_key = examples.kind_key

),

network_verdicts as (

    select combination_key, network_verdict as verdict from combinations

),

judged as (

    select
        pattern.combination_key,
        {% for column in linked_kind_columns() -%}
        event.{{ column }},
        {% endfor -%}
        {{ verdict_of() }} as verdict,
        {{ verdict_reason_of() }} as verdict_reason,
        event.is_standing and coalesce(pattern.is_repeat, false) as is_repeat
    from combinations as pattern
    inner join told as event on pattern.kind_key = event.kind_key
    inner join network_verdicts as network on pattern.combination_key = network.combination_key

)

select
    judged.*,
    {{ key_of(kind_texts()) }} as kind_id
from judged
