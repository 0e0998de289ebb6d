{#
  Write the descriptions of the yml to the database, where BI tools show them: of the relation, and of its columns. Only
  those that differ are written, so that a build changes nothing where nothing changed. A comment waits for no reader, and
  no reader for it.
#}
{% macro describe(relation, node) %}
    {%- set query -%}
        select
            case
                when wanted.name = '' then 'comment on {{ relation.type }} {{ relation }}'
                else format('comment on column {{ relation }}.%I', wanted.name)
            end || ' is ' || quote_literal(wanted.description)
        from (
            values ('', {{ as_text(node.description) }})
            {%- for column in node.columns.values() -%}
            , ('{{ column.name }}', {{ as_text(column.description) }})
            {%- endfor -%}
        ) as wanted (name, description)
        left join pg_attribute as attribute
            on attribute.attrelid = '{{ relation }}'::regclass and attribute.attname = wanted.name
        left join pg_description as standing
            on standing.classoid = 'pg_class'::regclass and standing.objoid = '{{ relation }}'::regclass
            and standing.objsubid = coalesce(attribute.attnum, 0)
        where coalesce(standing.description, '') <> wanted.description
    {%- endset -%}
    {%- set statements = run_query(query).columns[0].values() -%}
    {%- if statements -%}{%- do run_query(statements | join('; ')) -%}{%- endif -%}
{% endmacro %}

{% macro as_text(text) -%} '{{ text | replace("'", "''") }}' {%- endmacro %}
