{#
  A mart (or a table below the marts) that is never built, only changed.

  The model's SQL gives this run's changes: every column of the contract and `_change`, which is `add` (a new row), `replace`
  (the row stands from now on in place of the published one with the same `unique_key`), `remove` (that row goes) or `keep`
  (looked at, and found unchanged: it is there for the models downstream). Building the model leaves
    work.<model>     the change set (nothing published is touched),
    audit.<model>    a view: how the table would look once the changes are applied, for the checks before publishing.
  `publish` (publish.sql) applies the change sets of all models in one transaction. The table itself is made before the first
  model is built (published_tables.sql).

  Config: unique_key (list, the primary key), indexes (list of {columns, type, where}), is_partitioned (by delivery number:
  partitions.sql).
#}
{% materialization change_set, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set work_relation = work_relation_of(this) -%}
    {%- set audit_relation = audit_relation_of(this) -%}
    {%- set keys = config.require('unique_key') -%}
    {%- set columns = model.columns.keys() | list -%}

    {{ run_hooks(pre_hooks) }}

    {% call statement('prepare') %}
        {{ session_settings() }}
        drop view if exists {{ audit_relation }} cascade;
        {{ get_assert_columns_equivalent("select " ~ columns | join(", ") ~ " from (" ~ sql ~ ") as change_set") }}
    {% endcall %}
    {% if config.get('is_partitioned') %}
        {%- set row_count = create_partitioned_changes(target_relation, work_relation, sql) -%}
        {% call noop_statement('main', 'SELECT ' ~ row_count, 'SELECT', row_count) %}{% endcall %}
    {% else %}
        {% call statement('main') %}
            drop table if exists {{ work_relation }};
            create unlogged table {{ work_relation }} as {{ sql }}
        {% endcall %}
    {% endif %}
    {# Apart, so that dbt reports the rows of the change set. #}
    {% call statement('finish') %}
        {{ 'comment on view' if config.get('is_partitioned') else 'analyze ' ~ work_relation ~ '; comment on table' }} {{ work_relation }} is '{{ current_run_id() }}';
        create view {{ audit_relation }} as
        select {{ columns | join(', ') }} from {{ target_relation }} as published
        where not exists (
            select 1 from {{ work_relation }} as change
            where {{ same_keys(keys) }} and change._change in ('replace', 'remove')
        )
        union all
        select {{ columns | join(', ') }} from {{ work_relation }} where _change in ('add', 'replace');
    {% endcall %}

    {% do apply_grants(target_relation, config.get('grants'), should_revoke=True) %}
    {% do describe(target_relation, model) %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{# A table of this run alone, in schema work: rebuilt by every run, never published. #}
{% materialization work_table, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') %}
        {{ session_settings() }}
        drop table if exists {{ target_relation }} cascade;
        create unlogged table {{ target_relation }} as {{ sql }}
    {% endcall %}
    {% call statement('finish') %}
        {% for columns in config.get('indexes', []) %}
        create {{ 'unique ' if config.get('is_unique') }}index on {{ target_relation }} ({{ columns | join(', ') }});
        {% endfor %}
        analyze {{ target_relation }};
        comment on table {{ target_relation }} is '{{ current_run_id() }}';
    {% endcall %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#
  A view over this run's tables, in schema work. Not dbt's own: rebuilding a table drops the views over it, which dbt would
  still hold for standing.
#}
{% materialization work_view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') %}
        drop view if exists {{ target_relation }} cascade;
        create view {{ target_relation }} as {{ sql }}
    {% endcall %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#
  An hour is sorted and joined in memory, one query at a time and thread; compiling queries (jit) costs more than an hour's
  queries do. A model joins an hour's events with small tables whose size the planner cannot know (subqueries have no
  statistics): it would sort a million wide rows to merge them with ten, 8 s of the 11 s that int_events__linked took.
  What it must know of an hour's tables, a sample of 6 000 rows tells. A hash table that two processes share would stand in
  /dev/shm, of which a container has 64 MB unless told otherwise; two tables cost no more.
#}
{% macro session_settings() %}{{ return(adapter.dispatch('session_settings', 'sillage')()) }}{% endmacro %}

{% macro postgres__session_settings() -%}
    set local jit = off;
    set local work_mem = '{{ work_mem() }}';
    set local max_parallel_workers_per_gather = {{ env_var("SILLAGE_DBT_HELPERS", "1") }};
    set local enable_parallel_hash = off;
    set local enable_mergejoin = off;
    set local default_statistics_target = 20;
{%- endmacro %}

{# Memory of one sort or join, as the machine allows (plugins/sillage/transform/capacity.py). #}
{% macro work_mem() %}{{ return(env_var('SILLAGE_DBT_WORK_MEM', '128MB')) }}{% endmacro %}

{% macro work_relation_of(relation) %}
    {{ return(api.Relation.create(database=relation.database, schema='work', identifier=relation.identifier)) }}
{% endmacro %}

{% macro audit_relation_of(relation) %}
    {{ return(api.Relation.create(database=relation.database, schema='audit', identifier=relation.identifier)) }}
{% endmacro %}

{#
  In a model or a test: this run's change set of a model, and how the model's table would look after publishing. In a unit
  test the relation stands for both: its rows are the test's.
#}
{% macro changes_of(relation) %}{{ return(relation if relation.is_cte else work_relation_of(relation)) }}{% endmacro %}
{% macro after_publishing(relation) %}{{ return(relation if relation.is_cte else audit_relation_of(relation)) }}{% endmacro %}

{% macro current_run_id() %}
    {%- if execute -%}
        {%- set holder = run_query("select run_id from ops.writer").columns[0].values()[0] -%}
        {%- if not holder -%}
            {%- do exceptions.raise_compiler_error("No run holds the writer's turn, so there is no window to work on: start the workflow `tracking` rather than dbt alone.") -%}
        {%- endif -%}
        {{ return(holder | replace("'", "''")) }}
    {%- endif -%}
{% endmacro %}

{# The hours that the current run takes, as a subquery with the column window_start. #}
{% macro run_hours() -%}
    (select window_start from ops.run_window where run_id = (select run_id from ops.writer))
{%- endmacro %}

{# The same as numbers, as the event store has them (arrived_hour). #}
{% macro run_hour_numbers() -%}
    (
        select {{ hour_number('window_start') }} as arrived_hour from ops.run_window
        where run_id = (select run_id from ops.writer)
    )
{%- endmacro %}
