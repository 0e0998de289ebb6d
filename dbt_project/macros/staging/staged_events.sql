{#
  A source's records of the run's hours as events: `columns` names the SQL of each column that the source knows (over
  raw.<source>: payload, occurred_at). What it does not know is null of the contract's type, or false; source, window_start,
  payload_hash and occurred_at are the same for all. The columns come in the order of the contract in _staging__models.yml.
#}
{% macro staged_events(source_name, columns) %}
    {%- set contract = model.columns if execute else {} -%}
    {%- set known = {
        'source': "'" ~ source_name ~ "'",
        'window_start': 'window_start',
        'payload_hash': payload_hash('payload'),
        'occurred_at': 'occurred_at'
    } -%}
    {%- for name in columns if execute and (name not in contract or name in known) -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ " names the column " ~ name ~ ", which " ~ ("staged_events writes itself" if name in known
            else "the contract of staged events does not have") ~ ". Name only these: "
            ~ contract.keys() | reject('in', known) | join(', ') ~ "."
        ) -%}
    {%- endfor -%}
    {%- do known.update(columns) -%}
select
    {%- for column in contract.values() %}
    {% if column.name in known -%}
    {{ known[column.name] }} as {{ column.name }}
    {%- elif column.data_type == 'boolean' -%}
    false as {{ column.name }}
    {%- else -%}
    cast(null as {{ column.data_type }}) as {{ column.name }}
    {%- endif -%}
    {{ ',' if not loop.last }}
    {%- endfor %}
from {{ source('raw', source_name) }}
-- The bounds are there for Postgres, which looks up days by them and by no list: without them it reads all days that are kept.
where window_start between (select min(window_start) from {{ run_hours() }} as hours)
    and (select max(window_start) from {{ run_hours() }} as hours)
    and window_start in {{ run_hours() }}
{%- endmacro %}

{# The records of all sources (the var `event_sources`), united by the names of their columns. #}
{% macro events_of_all_sources() %}
    {%- for name in var('event_sources') %}
    {%- set staged = ref('stg_' ~ name ~ '__events') -%}
    {%- set first = graph.nodes['model.sillage.stg_' ~ var('event_sources')[0] ~ '__events'] if execute else {'columns': {}} %}
select {{ first.columns.keys() | join(', ') }} from {{ staged }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#
  A source's view: made where it does not stand as its model has it, which its comment tells. All sources are there in every
  installation, and most of them are nobody's: an hour shall not pay for making and checking their views anew.
#}
{% materialization staged_view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set digest = local_md5(sql ~ tojson(model.columns)) -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('standing', fetch_result=True) %}
        select obj_description(to_regclass('{{ target_relation.include(database=false) }}'), 'pg_class')
    {% endcall %}
    {% if load_result('standing')['data'][0][0] == digest %}
        {% call noop_statement('main', message='STANDS') %} {{ sql }} {% endcall %}
    {% else %}
        {% if config.get('contract').enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
        {% call statement('main') %}
            drop view if exists {{ target_relation }} cascade;
            create view {{ target_relation }} as {{ sql }};
            comment on view {{ target_relation }} is '{{ digest }}'
        {% endcall %}
    {% endif %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
