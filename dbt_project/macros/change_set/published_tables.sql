{# The tables that runs publish into: named by the models that read them, made by one step at the start of a build. #}

{#
  The published table of a change_set model, for the models upstream of it: they read what earlier runs published, so this
  is no dependency. It only names the table: compiling a model writes to no database.
#}
{% macro published(model_name) %}
    {%- if execute -%}{{ return(_published_table(graph.nodes.get('model.sillage.' ~ model_name))) }}{%- endif -%}
{% endmacro %}

{#
  As SQL, for on-run-start: what makes the published tables that are missing, from their models' contracts; nothing where none
  is. Only before models are built: no other command of dbt changes a database.
#}
{% macro create_published_tables() %}
    {%- if not execute or flags.WHICH not in ('build', 'run') -%}{{ return('') }}{%- endif -%}
    {%- do assert_store_is_converted() -%}
    {%- set tables = {} -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'change_set' -%}
        {%- do tables.update({_published_table(node) | string: node}) -%}
    {%- endfor -%}
    {%- set missing = run_query(
        "select name from unnest(array['" ~ tables.keys() | join("', '") ~ "']) as name where to_regclass(name) is null order by name"
    ).columns[0].values() -%}
    {%- set statements = [] -%}
    {%- for name in missing -%}{%- do statements.extend(_create_statements(name, tables[name])) -%}{%- endfor -%}
    {#- Made in a warehouse that has events already: by an older version there was no such table. -#}
    {%- set totals = published('int_recipient_totals') -%}
    {%- if totals | string in missing -%}
        {%- set recounted = "work." ~ totals.identifier ~ "__recounted" -%}
        {%- set columns = tables[totals | string].columns.keys() | join(', ') -%}
        {%- do statements.extend([
            session_settings(),
            "create or replace view " ~ recounted ~ " as " ~ recounted_recipients(),
            "insert into " ~ totals ~ " (" ~ columns ~ ") select " ~ columns ~ " from " ~ recounted,
        ]) -%}
    {%- endif -%}
    {{ return('begin; ' ~ statements | join('; ') ~ '; commit;' if statements else '') }}
{% endmacro %}

{% macro _published_table(node) %}
    {{ return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)) }}
{% endmacro %}

{# One table from the contract of `node`: columns, constraints, key, indexes, partitions. #}
{% macro _create_statements(table, node) %}
    {%- set lines = [] -%}
    {%- for column in node.columns.values() -%}
        {%- set is_required = column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
        {%- do lines.append(column.name ~ ' ' ~ column.data_type ~ (' not null' if is_required else '')) -%}
    {%- endfor -%}
    {%- for constraint in node.constraints if constraint.type == 'check' -%}
        {%- do lines.append('check (' ~ constraint.expression ~ ')') -%}
    {%- endfor -%}
    {%- if node.config.get('is_key_indexed', true) -%}
        {%- do lines.append('primary key (' ~ node.config.unique_key | join(', ') ~ ')') -%}
    {%- endif -%}
    {%- set statements = [
        'create table if not exists ' ~ table ~ ' (' ~ lines | join(', ') ~ ')'
        ~ (' partition by range (delivery_number)' if node.config.get('is_partitioned') else '')
    ] -%}
    {%- for index in node.config.get('indexes', []) -%}{%- do statements.append(index_statement(index, table)) -%}{%- endfor -%}
    {{ return(statements) }}
{% endmacro %}

{# What makes one index of the config (columns, type, where, is_unique) on `relation`. #}
{% macro index_statement(index, relation) -%}
    create {{ 'unique ' if index.is_unique }}index on {{ relation }} using {{ index.type or 'btree' }} ({{ index.columns | join(', ') }}) {{ 'where ' ~ index.where if index.where }}
{%- endmacro %}
