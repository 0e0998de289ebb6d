{#
  The last step of a change set: from `wanted` (a CTE: the rows that should stand) and `current_rows` (a CTE: the published rows
  that the run looked at), both with the columns of the contract, to the rows to add, replace, remove and keep. `wanted_keys` names a
  cheaper relation with the keys of `wanted`, where there is one.
#}
{% macro changes_between(wanted, current_rows, columns, keys, wanted_keys=none) -%}
select
    {% for column in columns -%}
    wanted.{{ column }},
    {% endfor -%}
    case
        when current_rows.{{ keys[0] }} is null then 'add'
        when row(
            {%- for column in columns if column not in keys %}wanted.{{ column }}{{ ', ' if not loop.last }}{% endfor -%}
        ) is distinct from row(
            {%- for column in columns if column not in keys %}current_rows.{{ column }}{{ ', ' if not loop.last }}{% endfor -%}
        ) then 'replace'
        else 'keep'
    end as _change
from {{ wanted }} as wanted
left join {{ current_rows }} as current_rows
    on {% for key in keys %}wanted.{{ key }} = current_rows.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}

union all

select
    {% for column in columns -%}
    current_rows.{{ column }},
    {% endfor -%}
    'remove' as _change
from {{ current_rows }} as current_rows
where
    not exists (
        select 1 from {{ wanted_keys or wanted }} as wanted
        where {% for key in keys %}wanted.{{ key }} = current_rows.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    )
{%- endmacro %}

{# The columns of this model's contract, in their order. #}
{% macro contract_columns() %}{{ return(model.columns.keys() | list) }}{% endmacro %}
