{#
  A counter's change set: what is published, moved by `differences` (a relation: one row per group of the counter, with the
  sums of macros/change_set/differences.sql). All that a model of a counter says.

  keys        the columns that name a group, as in unique_key
  counters    columns that are added up; those in `amounts` are numeric(18, 2), the others bigint
  carried     columns of `differences` that are taken as they are
  extremes    {column: {aggregate: min or max, of: column of the events, where: condition on them, as `other`}}; `differences`
              has was_<column> and is_now_<column>, and delivery_number
  remains     the condition, on the summed columns, by which a group is kept
#}
{% macro moved_counters(differences, keys, counters, remains, extremes={}, carried=[], amounts=[]) %}
{#- What numeric(18, 2) holds: amounts that add up to more, which no real ones do, stay there. -#}
{%- set largest_amount = '9999999999999999.99' -%}
with differences as (

    select * from {{ differences }}

),

-- The published rows that this run may change: those of the differences, and all of recomputed deliveries.
current_rows as (

    select published.*
    from {{ this }} as published
    inner join differences on {{ _same_group('published', 'differences', keys) }}

    union all

    select published.*
    from {{ this }} as published
    inner join {{ ref('int_deliveries__recomputed') }} as recomputed on published.delivery_id = recomputed.delivery_id
    where not exists (select 1 from differences where {{ _same_group('published', 'differences', keys) }})

),

-- A recomputed delivery is counted from nothing.
rows_to_move as (

    select * from current_rows
    where delivery_id not in (select delivery_id from {{ ref('int_deliveries__recomputed') }})

),

summed as (

    select
        {% for name in keys + carried -%}
        differences.{{ name }},
        {% endfor -%}
        {% for name, extreme in extremes.items() -%}
        {{ merged_extreme(extreme.aggregate, 'rows_to_move.' ~ name, 'differences.was_' ~ name, 'differences.is_now_' ~ name,
            untouched(extreme.aggregate ~ '(other.' ~ extreme.of ~ ')', 'differences.delivery_number', extreme.where)) }} as {{ name }},
        {% endfor -%}
        {% for name in counters -%}
        {% set sum = 'coalesce(rows_to_move.' ~ name ~ ', 0) + differences.' ~ name -%}
        {% if name in amounts -%}
        cast(greatest(least({{ sum }}, {{ largest_amount }}), -{{ largest_amount }}) as numeric(18, 2)) as {{ name }}
        {%- else -%}
        cast({{ sum }} as bigint) as {{ name }}
        {%- endif %}{{ ',' if not loop.last }}
        {% endfor %}
    from differences
    left join rows_to_move on {{ _same_group('differences', 'rows_to_move', keys) }}

),

wanted as (

    select * from summed
    where {{ remains }}

)

{{ changes_between('wanted', 'current_rows', keys + carried + (extremes.keys() | list) + counters, keys) }}
{%- endmacro %}

{% macro _same_group(one, other, keys) -%}
    {% for key in keys %}{{ one }}.{{ key }} = {{ other }}.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}
