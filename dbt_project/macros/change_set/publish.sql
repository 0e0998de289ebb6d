{#
  Apply the change sets of all models, and with them the run's row in marts.workflow_windows, in one transaction: a reader
  sees the marts before the run or after it. The same transaction gives the writer's turn back, so that the next run begins while
  this one's tasks still tell what was done. Repeating it changes nothing.
  `dbt run-operation publish --args '{run_id: ..., version: ...}'`; refuses when a change set is another run's or another version's
  (sillage/transform/version.py).
#}
{% macro publish(run_id, version) %}
    {%- set run_id = run_id | replace("'", "''") -%}
    {%- set change_sets = graph.nodes.values() | selectattr('config.materialized', 'equalto', 'change_set') | list -%}
    {% do run_query("begin; set local lock_timeout = '60s'; " ~ hold_turn(run_id)) %}
    {# Asked with the turn held: another try of this run may have been publishing until now. #}
    {%- if run_query("select 1 from ops.run where run_id = '" ~ run_id ~ "' and state = 'published'") | length > 0 -%}
        {% do run_query("rollback") %}
        {{ log("Run " ~ run_id ~ " is published already.", info=true) }}
        {{ return('') }}
    {%- endif -%}
    {% do assert_built_by(run_id, version, change_sets) %}
    {%- set statements, attachments = [], [] -%}
    {%- for node in change_sets -%}
        {%- set target = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) -%}
        {%- do statements.extend(apply_statements(node, target)) -%}
        {%- if node.config.get('is_partitioned') -%}{%- do attachments.extend(attach_statements(target, opened_partitions(target))) -%}{%- endif -%}
    {%- endfor -%}
    {%- do statements.extend(attachments) -%}
    {%- do statements.extend(publish_lake_statements(run_id)) -%}
    {%- do statements.append("update ops.run set state = 'published', ended_at = now(), message = 'Published.' where run_id = '" ~ run_id ~ "'") -%}
    {%- do statements.append("update ops.writer set run_id = null, acquired_at = null where run_id = '" ~ run_id ~ "'") -%}
    {% do run_query(statements | join('; ') ~ "; commit;") %}
    {{ log("Published run " ~ run_id ~ ": " ~ change_sets | length ~ " change sets in one transaction.", info=true) }}
{% endmacro %}

{#
  Keep the turn until the transaction ends. The server goes on with it when the process that sent it is killed: the run that
  takes over, or this run tried again, then waits for its end and starts from what it published. A run that has published has
  given its turn back, and is no error.
#}
{% macro hold_turn(run_id) -%}
    do $hold$ begin
        perform from ops.writer for update;
        if
            not exists (select from ops.writer where run_id = '{{ run_id }}')
            and not exists (select from ops.run where run_id = '{{ run_id }}' and state = 'published')
        then
            raise exception 'Nothing was published: run {{ run_id }} does not hold the writer''s turn any more. Clear the whole run.';
        end if;
    end $hold$;
{% endmacro %}

{# What applies one change set: published rows go, new ones come. Those of partitions to open are there already (partitions.sql). #}
{% macro apply_statements(node, target) %}
    {%- set changes = changes_table_of(target) -%}
    {%- set columns = node.columns.keys() | join(', ') -%}
    {{ return([
        "delete from " ~ target ~ " as published using " ~ changes ~ " as change where "
            ~ same_keys(node.config.unique_key) ~ " and change._change in ('replace', 'remove')",
        "insert into " ~ target ~ " (" ~ columns ~ ") select " ~ columns ~ " from " ~ changes
            ~ " where _change in ('add', 'replace')"
            ~ " order by " ~ node.config.unique_key | join(', ')
    ]) }}
{% endmacro %}

{% macro same_keys(keys) %}
    {%- set pairs = [] -%}
    {%- for key in keys -%}{%- do pairs.append("change." ~ key ~ " = published." ~ key) -%}{%- endfor -%}
    {{ return(pairs | join(' and ')) }}
{% endmacro %}

{% macro assert_built_by(run_id, version, change_sets) %}
    {# The change sets are unlogged: a server that crashes empties them all, and this mark with them (sillage/transform/building.py). #}
    {%- set mark = run_query("select run_id, to_jsonb(build) ->> 'version' from work.build as build") -%}
    {%- if run_id not in mark.columns[0].values() -%}
        {%- do exceptions.raise_compiler_error(
            "Nothing was published: the change sets of " ~ run_id ~ " are not there as they were built (a crash of the database"
            ~ " server empties them). Clear the whole run, so that they are built again."
        ) -%}
    {%- endif -%}
    {%- if mark.columns[1].values()[0] != version -%}
        {%- do exceptions.raise_compiler_error(
            "Nothing was published: the change sets of " ~ run_id ~ " were built by version "
            ~ (mark.columns[1].values()[0] or "of before there were versions") ~ ", and this is " ~ version
            ~ ". Clear the whole run, so that they are built again."
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
