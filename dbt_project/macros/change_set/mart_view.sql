{#
  A mart that is a question about published tables (rates, labels, "as of"): a view, so that it always agrees with them.
  audit.<model> asks the same of the tables as they would look after publishing.
#}
{% materialization mart_view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set audit_relation = audit_relation_of(this) -%}
    {%- set audit_sql = namespace(text=sql) -%}
    {%- for parent_id in model.depends_on.nodes -%}
        {%- set parent = graph.nodes.get(parent_id) -%}
        {%- if parent and parent.config.materialized in ('change_set', 'mart_view') -%}
            {%- set published = api.Relation.create(
                database=parent.database, schema=parent.schema, identifier=parent.alias
            ) -%}
            {%- set audit_sql.text = audit_sql.text
                | replace(published | string, audit_relation_of(published) | string) -%}
        {%- endif -%}
    {%- endfor -%}

    {{ run_hooks(pre_hooks) }}
    {% call statement('main') %}
        {{ session_settings() }}
        drop view if exists {{ audit_relation }} cascade;
        create view {{ audit_relation }} as {{ audit_sql.text }};
    {% endcall %}
    {% do define_view(target_relation, audit_relation, sql) %}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=True) %}
    {% do describe(target_relation, model) %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#
  Make `view` answer `sql`, in the transaction of the caller. `like` is a view with the same columns. An unchanged view is
  left alone: replacing one takes a lock that waits for its readers, and lets none in meanwhile. The fingerprint of the SQL
  is the comment of the view's own rule, where no BI tool shows it.

  Postgres replaces a view whose new columns stand last. Others are dropped and made anew: the caller grants and describes
  them again. Where an operator's own view reads this one it cannot be dropped, so the new columns stand last there.
#}
{% macro define_view(view, like, sql) %}
    {%- set fingerprint = local_md5(sql) -%}
    {%- set standing = columns_of_relation(view) -%}
    {%- set wanted = columns_of_relation(like) -%}
    {%- set is_same_type = 'wanted.atttypid = standing.atttypid and wanted.atttypmod = standing.atttypmod' -%}
    {%- set readers -%}
        from pg_depend
        where refobjid = to_regclass('{{ view }}') and deptype = 'n'
            and not exists (select from pg_rewrite where pg_rewrite.oid = objid and ev_class = refobjid)
    {%- endset -%}
    {%- set choice -%}
        select case
            when obj_description((select oid from pg_rewrite where ev_class = to_regclass('{{ view }}')), 'pg_rewrite')
                = '{{ fingerprint }}' then 'keep'
            when not exists (
                select from {{ standing }} as standing
                left join {{ wanted }} as wanted
                    on wanted.attnum = standing.attnum and wanted.attname = standing.attname and {{ is_same_type }}
                where wanted.attnum is null
            ) then 'replace'
            when not exists (select {{ readers }}) then 'make anew'
            when not exists (
                select from {{ standing }} as standing
                left join {{ wanted }} as wanted on wanted.attname = standing.attname and {{ is_same_type }}
                where wanted.attnum is null
            ) then 'add last'
            else 'refuse'
        end
    {%- endset -%}
    {%- set way = run_query(choice).columns[0].values()[0] -%}
    {%- if way == 'keep' -%}{{ return('') }}{%- endif -%}
    {%- if way == 'refuse' -%}
        {%- set named = "select string_agg(distinct pg_describe_object(classid, objid, 0), ', ') " ~ readers -%}
        {%- do exceptions.raise_compiler_error(
            "The view " ~ view ~ " loses or changes columns in this version, but " ~ run_query(named).columns[0].values()[0]
            ~ " reads it: drop what reads it, clear the run, and make it again afterwards."
        ) -%}
    {%- endif -%}
    {%- set definition = sql -%}
    {%- if way == 'add last' -%}
        {%- set names -%}
            select string_agg(quote_ident(wanted.attname), ', ' order by standing.attnum nulls last, wanted.attnum)
            from {{ wanted }} as wanted
            left join {{ standing }} as standing on wanted.attname = standing.attname
        {%- endset -%}
        {%- set definition = "select " ~ run_query(names).columns[0].values()[0] ~ " from (" ~ sql ~ ") as definition" -%}
    {%- endif -%}
    {%- set statements -%}
        {{ 'drop view ' ~ view ~ ';' if way == 'make anew' }}
        create or replace view {{ view }} as {{ definition }};
        comment on rule "_RETURN" on {{ view }} is '{{ fingerprint }}'
    {%- endset -%}
    {% do run_query(get_assert_columns_equivalent(sql) ~ patiently(statements, view)) %}
{% endmacro %}

{# The columns of a table or view as a subquery over pg_attribute; no row where it does not exist. #}
{% macro columns_of_relation(relation) -%}
    (select * from pg_attribute where attnum > 0 and not attisdropped and attrelid = to_regclass('{{ relation }}'))
{%- endmacro %}
