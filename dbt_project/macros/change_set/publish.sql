{#
  Apply the change sets of all models, and with them the run's row in marts.workflow_windows, in one transaction: a reader
  sees the marts before the run or after it. Repeating it changes nothing.
  `dbt run-operation publish`; refuses when a change set is another run's.
#}
{% macro publish() %}
    {%- set run_id = current_run_id() -%}
    {%- set change_sets = graph.nodes.values() | selectattr('config.materialized', 'equalto', 'change_set') | list -%}
    {% do run_query("begin; set local lock_timeout = '60s'; set local maintenance_work_mem = '" ~ var('work_mem') ~ "'; " ~ hold_turn(run_id)) %}
    {# Asked with the turn held: another try of this run may have been publishing until now. #}
    {%- if run_query("select 1 from ops.run where run_id = '" ~ run_id ~ "' and state = 'published'") | length > 0 -%}
        {% do run_query("rollback") %}
        {{ log("Run " ~ run_id ~ " is published already.", info=true) }}
        {{ return('') }}
    {%- endif -%}
    {% do assert_built_by(run_id, change_sets) %}
    {%- set statements, attachments = [], [] -%}
    {%- for node in change_sets -%}
        {%- set target = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) -%}
        {%- set partitions = missing_partitions(node, target) if node.config.get('partition_by') else {} -%}
        {%- do statements.extend(apply_statements(node, target, partitions)) -%}
        {%- do attachments.extend(attach_statements(target, partitions)) -%}
    {%- endfor -%}
    {%- do statements.extend(attachments) -%}
    {%- do statements.append("update ops.run set state = 'published', ended_at = now(), message = 'Published.' where run_id = '" ~ run_id ~ "'") -%}
    {% do run_query(statements | join('; ') ~ "; commit;") %}
    {{ log("Published run " ~ run_id ~ ": " ~ change_sets | length ~ " change sets in one transaction.", info=true) }}
{% endmacro %}

{#
  Keep the turn until the transaction ends. The server goes on with it when the process that sent it is killed: the run that
  takes over, or this run tried again, then waits for its end and starts from what it published.
#}
{% macro hold_turn(run_id) -%}
    do $hold$ begin
        perform from ops.writer where run_id = '{{ run_id }}' for update;
        if not found then
            raise exception 'Nothing was published: run {{ run_id }} does not hold the writer''s turn any more. Clear the whole run.';
        end if;
    end $hold$;
{% endmacro %}

{# What applies one change set: published rows go, new ones come; those of `partitions`, not there yet, into tables of their own. #}
{% macro apply_statements(node, target, partitions) %}
    {%- set work = work_relation_of(target) -%}
    {%- set columns = node.columns.keys() | join(', ') -%}
    {%- set rows = "select " ~ columns ~ " from " ~ work ~ " where _change in ('add', 'replace')" -%}
    {%- set statements = ["delete from " ~ target ~ " as published using " ~ work ~ " as change where "
        ~ same_keys(node.config.unique_key) ~ " and change._change in ('replace', 'remove')"] -%}
    {%- set others = [] -%}
    {%- for partition, bounds in partitions.items() -%}
        {%- set is_within = node.config.partition_by ~ " >= " ~ bounds[0] ~ " and " ~ node.config.partition_by ~ " < " ~ bounds[1] -%}
        {%- do others.append(" and not (" ~ is_within ~ ")") -%}
        {#- Filled before it has indexes: a third of what they cost row by row. The check spares a second look at the rows later. -#}
        {%- do statements.extend([
            "create table " ~ partition ~ " (like " ~ target ~ " including constraints, constraint bounds check (" ~ is_within ~ "))",
            "insert into " ~ partition ~ " (" ~ columns ~ ") " ~ rows ~ " and " ~ is_within,
            "alter table " ~ partition ~ " add primary key (" ~ node.config.unique_key | join(', ') ~ ")"
        ]) -%}
        {%- for index in node.config.get('indexes', []) -%}
            {%- do statements.append(index_statement(index, partition)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {#- In the order of the key, the largest index is filled from left to right: a quarter less work at a million rows. -#}
    {%- set order = " order by " ~ node.config.unique_key | join(', ') if node.config.get('partition_by') else "" -%}
    {%- do statements.append("insert into " ~ target ~ " (" ~ columns ~ ") " ~ rows ~ others | join ~ order) -%}
    {{ return(statements) }}
{% endmacro %}

{#
  What makes filled partitions part of `target`: last of all, and with its readers out. A reader plans with the partitions
  that there are, and its rows are those of the moment after; a partition that came in between would be missing beside marts
  that count its rows.
#}
{% macro attach_statements(target, partitions) %}
    {%- set statements = ["lock table only " ~ target ~ " in access exclusive mode"] if partitions else [] -%}
    {%- for partition, bounds in partitions.items() -%}
        {%- do statements.extend([
            "alter table " ~ target ~ " attach partition " ~ partition ~ " for values from (" ~ bounds[0] ~ ") to (" ~ bounds[1] ~ ")",
            "alter table " ~ partition ~ " drop constraint bounds"
        ]) -%}
    {%- endfor -%}
    {{ return(statements) }}
{% endmacro %}

{% macro same_keys(keys) %}
    {%- set pairs = [] -%}
    {%- for key in keys -%}{%- do pairs.append("change." ~ key ~ " = published." ~ key) -%}{%- endfor -%}
    {{ return(pairs | join(' and ')) }}
{% endmacro %}

{# The partitions that the change set needs and the table does not have yet, each with its bounds `[first, next)`. #}
{% macro missing_partitions(node, target) %}
    {%- set width = var('deliveries_per_partition') -%}
    {%- set numbers = run_query(
        "select distinct " ~ node.config.partition_by ~ " / " ~ width ~ " as number from " ~ work_relation_of(target)
        ~ " where _change = 'add' order by 1"
    ) -%}
    {%- set missing = {} -%}
    {%- for number in numbers.columns[0].values() -%}
        {%- set partition = api.Relation.create(database=target.database, schema=target.schema, identifier=target.identifier ~ '_p' ~ number) -%}
        {%- if run_query("select to_regclass('" ~ partition ~ "')").columns[0].values()[0] is none -%}
            {%- do missing.update({partition: [number * width, (number + 1) * width]}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(missing) }}
{% endmacro %}

{% macro assert_built_by(run_id, change_sets) %}
    {# The change sets are unlogged: a server that crashes empties them all, and this mark with them (sillage/models.py). #}
    {%- set mark = run_query("select run_id from work.build").columns[0].values() -%}
    {%- if run_id not in mark -%}
        {%- do exceptions.raise_compiler_error(
            "Nothing was published: the change sets of " ~ run_id ~ " are not there as they were built (a crash of the database"
            ~ " server empties them). Clear the whole run, so that they are built again."
        ) -%}
    {%- endif -%}
    {%- for node in change_sets -%}
        {%- set work = "work." ~ node.alias -%}
        {%- set built_by = run_query("select obj_description(to_regclass('" ~ work ~ "'), 'pg_class')").columns[0].values()[0] -%}
        {%- if built_by != run_id -%}
            {%- do exceptions.raise_compiler_error(
                "Nothing was published: " ~ work ~ " was built by " ~ (built_by or "no run") ~ ", not by " ~ run_id
                ~ ". Clear the whole run, so that its change sets are built again."
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
