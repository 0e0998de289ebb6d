{#
  A change set whose table is partitioned, and opens partitions that it does not have yet. Their rows are all new, so they are
  written once, where they will stay: the partition is made in schema work, gets its constraints and indexes there beside the
  other models, and `publish` only attaches it. Building work.<model> then leaves
    work.<model>__changes   the changes to partitions that there are,
    work.<model>_p<number>  one table for each partition to open,
    work.<model>            a view of both, for the models downstream.
#}
{% macro create_partitioned_changes(target, work, sql) %}
    {%- set opened = opened_partitions(target) -%}
    {%- set columns = model.columns.values() | list -%}
    {%- set names = columns | map(attribute='name') | join(', ') -%}
    {%- set changes = changes_table_of(target) -%}
    {%- set is_elsewhere = [] -%}
    {%- set counts = [] -%}
    {% call statement('drop_partitions') %}
        drop view if exists {{ work }} cascade;
        drop table if exists {{ changes }};
        {%- for partition in partitions_in_work(target) %}
        drop table {{ partition }};
        {%- endfor %}
    {% endcall %}
    {%- set typed = [] -%}
    {%- for column in columns -%}
        {%- do typed.append('cast(' ~ column.name ~ ' as ' ~ column.data_type ~ ') as ' ~ column.name) -%}
    {%- endfor -%}
    {%- for bounds in opened.values() -%}{%- do is_elsewhere.append("not (" ~ is_within(bounds) ~ ")") -%}{%- endfor -%}
    {%- if opened | length == 1 -%}
        {% call statement('partition') %}
            create table {{ opened.keys() | first }} as
            select {{ typed | join(', ') }} from ({{ sql }}) as changes where {{ is_within(opened.values() | first) }}
        {% endcall %}
        {%- do counts.append(load_result('partition').response.rows_affected) -%}
    {%- elif opened -%}
        {#- In one go: a large window opens many, and to ask for the rows of each would read the window as often. -#}
        {%- set whole = work.incorporate(path={'identifier': work.identifier ~ '__opened'}) -%}
        {% call statement('partitions') %}
            drop table if exists {{ whole }};
            create table {{ whole }} (like {{ target }}) partition by range (delivery_number);
            {%- for partition, bounds in opened.items() %}
            create table {{ partition }} partition of {{ whole }} for values from ({{ bounds[0] }}) to ({{ bounds[1] }});
            {%- endfor %}
        {% endcall %}
        {% call statement('rows') %}
            insert into {{ whole }} ({{ names }})
            select {{ typed | join(', ') }} from ({{ sql }}) as changes where not ({{ is_elsewhere | join(' and ') }})
        {% endcall %}
        {%- do counts.append(load_result('rows').response.rows_affected) -%}
        {% call statement('apart') %}
            {%- for partition in opened %}
            alter table {{ whole }} detach partition {{ partition }};
            {%- endfor %}
            drop table {{ whole }}
        {% endcall %}
    {%- endif -%}
    {%- for partition, bounds in opened.items() -%}
        {% call statement('complete_partition') %}
            alter table {{ partition }} {{ demands_of(target, bounds) | join(', ') }};
            analyze {{ partition }}
        {% endcall %}
    {%- endfor -%}
    {% call statement('changes') %}
        create unlogged table {{ changes }} as
        select * from ({{ sql }}) as changes {{ 'where ' ~ is_elsewhere | join(' and ') if is_elsewhere }}
    {% endcall %}
    {%- do counts.append(load_result('changes').response.rows_affected) -%}
    {% call statement('view') %}
        analyze {{ changes }};
        create view {{ work }} as
        select {{ names }}, _change from {{ changes }}
        {%- for partition in opened %}
        union all
        select {{ names }}, 'add' as _change from {{ partition }}
        {%- endfor %}
    {% endcall %}
    {{ return(counts | sum) }}
{% endmacro %}

{# The table of a change set that holds what changes in published partitions: all there is where a table has none. #}
{% macro changes_table_of(target) %}
    {%- set work = work_relation_of(target) -%}
    {%- set node = graph.nodes.get('model.sillage.' ~ target.identifier) -%}
    {{ return(work.incorporate(path={'identifier': work.identifier ~ '__changes'}) if node.config.get('is_partitioned') else work) }}
{% endmacro %}

{#
  The partitions that this run's deliveries need and `target` does not have, in schema work, each with its bounds `[first, next)`:
  the range of `numbers_per_partition` numbers that a delivery's number lies in, or what older partitions leave of it (before
  0013 a partition held 20 numbers, and was named by its place among them). A partition is named by its first number.
#}
{% macro opened_partitions(target) %}
    {%- set opened = {} -%}
    {#- No run has been yet where the project is only compiled. -#}
    {%- if not execute or run_query("select to_regclass('work.int_deliveries__touched')").columns[0].values()[0] is none -%}
        {{ return(opened) }}
    {%- endif -%}
    {%- set width = var('numbers_per_partition') -%}
    {%- set missing -%}
        with bounds as (
            select regexp_match(pg_get_expr(relpartbound, oid), $$FROM \('?(\d+)'?\) TO \('?(\d+)'?\)$$)::integer[] as ends
            from pg_class where oid in (select inhrelid from pg_inherits where inhparent = '{{ target }}'::regclass)
        ),
        standing as (
            select
                coalesce(array_agg(ends[1] order by ends), '{}') as firsts,
                coalesce(array_agg(ends[2] order by ends), '{}') as nexts
            from bounds
        ),
        needed as (
            select delivery_number, width_bucket(delivery_number, firsts) as place, firsts, nexts
            from work.int_deliveries__touched cross join standing
        )
        select distinct
            greatest(delivery_number / {{ width }} * {{ width }}, nexts[place]) as first,
            least((delivery_number / {{ width }} + 1)::bigint * {{ width }}, firsts[place + 1]) as next
        from needed
        where place = 0 or delivery_number >= nexts[place]
        order by first
    {%- endset -%}
    {%- for first, next in run_query(missing).rows -%}
        {%- set partition = api.Relation.create(database=target.database, schema='work', identifier=target.identifier ~ '_p' ~ first) -%}
        {%- do opened.update({partition: [first, next]}) -%}
    {%- endfor -%}
    {{ return(opened) }}
{% endmacro %}

{# The partitions of `target` that stand in schema work: this run's, or what a run left that was never published. #}
{% macro partitions_in_work(target) %}
    {{ return(run_query(
        "select 'work.' || relname from pg_class where relnamespace = 'work'::regnamespace and relkind = 'r'"
        ~ " and relname ~ '^" ~ target.identifier ~ "_p[0-9]+$' order by 1"
    ).columns[0].values()) }}
{% endmacro %}

{% macro is_within(bounds) -%} delivery_number >= {{ bounds[0] }} and delivery_number < {{ bounds[1] }} {%- endmacro %}

{# What the rows of `target` must fulfil, as clauses of an `alter table` for its partition with `bounds`. #}
{% macro demands_of(target, bounds) %}
    {%- set demands = run_query(
        "select 'alter column ' || quote_ident(attname) || ' set not null' from pg_attribute"
        ~ " where attrelid = '" ~ target ~ "'::regclass and attnum > 0 and attnotnull and not attisdropped"
        ~ " union all select 'add constraint ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid) from pg_constraint"
        ~ " where conrelid = '" ~ target ~ "'::regclass and contype = 'c'"
    ).columns[0].values() | list -%}
    {#- With this one, attaching need not look at every row. -#}
    {{ return(["add constraint bounds check (" ~ is_within(bounds) ~ ")"] + demands) }}
{% endmacro %}

{# As SQL: the indexes of the partitions that this run opens in `target`. Other models may read them meanwhile. #}
{% macro index_opened_partitions(target) %}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set config = graph.nodes.get('model.sillage.' ~ target.identifier).config -%}
    set local maintenance_work_mem = '{{ work_mem() }}';
    {%- for partition in opened_partitions(target) %}
    {%- if config.get('is_key_indexed', true) %}
    create unique index {{ partition.identifier }}_key on {{ partition }} ({{ config.unique_key | join(', ') }});
    {%- endif %}
        {%- for index in config.get('indexes', []) %}
    {{ index_statement(index, partition) }};
        {%- endfor %}
    {%- endfor %}
{% endmacro %}

{#
  What makes the opened partitions part of `target`: last of all, and with its readers out. A reader plans with the partitions
  that there are, and its rows are those of the moment after; a partition that came in between would be missing beside marts
  that count its rows. The change set's view goes: it would follow its tables, and keep retention from dropping them.
#}
{% macro attach_statements(target, opened) %}
    {%- set statements = [
        "drop view " ~ work_relation_of(target) ~ " cascade",
        patiently("lock table only " ~ target ~ " in access exclusive mode", target)
    ] if opened else [] -%}
    {%- for partition, bounds in opened.items() -%}
        {%- set published = target.incorporate(path={'identifier': partition.identifier}) -%}
        {%- if graph.nodes.get('model.sillage.' ~ target.identifier).config.get('is_key_indexed', true) -%}
            {%- do statements.append("alter table " ~ partition ~ " add primary key using index " ~ partition.identifier ~ "_key") -%}
        {%- endif -%}
        {%- do statements.extend([
            "alter table " ~ partition ~ " set schema " ~ target.schema,
            "alter table " ~ target ~ " attach partition " ~ published ~ " for values from (" ~ bounds[0] ~ ") to (" ~ bounds[1] ~ ")",
            "alter table " ~ published ~ " drop constraint bounds"
        ]) -%}
    {%- endfor -%}
    {{ return(statements) }}
{% endmacro %}
