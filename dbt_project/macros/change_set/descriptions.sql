{#
  Write the descriptions of the yml to the database, where BI tools show them: of the relation, and of its columns. Only those
  that differ are written, so that a build changes nothing where nothing changed. A comment waits for no reader, and no
  reader for it.
#}
{% macro describe(relation, node) %}
    {%- set wanted = ["('', '" ~ (node.description | replace("'", "''")) ~ "')"] -%}
    {%- for column in node.columns.values() -%}
        {%- do wanted.append("('" ~ column.name ~ "', '" ~ (column.description | replace("'", "''")) ~ "')") -%}
    {%- endfor -%}
    {%- set statements = run_query(
        "select case when wanted.name = '' then 'comment on " ~ relation.type ~ " " ~ relation ~ "'"
        ~ " else format('comment on column " ~ relation ~ ".%I', wanted.name) end || ' is ' || quote_literal(wanted.description)"
        ~ " from (values " ~ wanted | join(', ') ~ ") as wanted (name, description)"
        ~ " left join pg_attribute as attribute on attribute.attrelid = '" ~ relation ~ "'::regclass and attribute.attname = wanted.name"
        ~ " left join pg_description as standing on standing.classoid = 'pg_class'::regclass"
        ~ " and standing.objoid = '" ~ relation ~ "'::regclass and standing.objsubid = coalesce(attribute.attnum, 0)"
        ~ " where coalesce(standing.description, '') <> wanted.description"
    ).columns[0].values() -%}
    {%- if statements -%}{%- do run_query(statements | join('; ')) -%}{%- endif -%}
{% endmacro %}
