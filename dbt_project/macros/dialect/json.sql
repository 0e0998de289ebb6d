{# JSON access, the one place that knows how this warehouse reads a JSON column. #}

{% macro json_text(column, path) %}{{ return(adapter.dispatch('json_text', 'sillage')(column, path)) }}{% endmacro %}

{% macro postgres__json_text(column, path) -%}
    {%- set steps = path.split('.') -%}
    {%- if steps | length == 1 -%}
        {{ column }} ->> '{{ steps[0] }}'
    {%- else -%}
        {{ column }} #>> '{ {{- steps | join(',') -}} }'
    {%- endif -%}
{%- endmacro %}

{# The first path of the list that holds a text: arrays and objects do not count, blanks do not either. #}
{% macro first_json_text(column, paths) -%}
    coalesce(
        {%- for path in paths %}
        {{ json_scalar_text(column, path) }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{% macro json_scalar_text(column, path) %}{{ return(adapter.dispatch('json_scalar_text', 'sillage')(column, path)) }}{% endmacro %}

{% macro postgres__json_scalar_text(column, path) -%}
    case
        when jsonb_typeof({{ column }} #> '{ {{- path.split('.') | join(',') -}} }') in ('string', 'number')
            then nullif(trim({{ json_text(column, path) }}), '')
    end
{%- endmacro %}

{% macro json_without(column, key) %}{{ return(adapter.dispatch('json_without', 'sillage')(column, key)) }}{% endmacro %}

{% macro postgres__json_without(column, key) -%} {{ column }} - '{{ key }}' {%- endmacro %}

{# A whole number out of a JSON value that may hold anything: null where it is none, or none that fits. #}
{% macro json_integer(column, path) %}{{ return(adapter.dispatch('json_integer', 'sillage')(column, path)) }}{% endmacro %}

{% macro postgres__json_integer(column, path) -%}
    case when {{ json_text(column, path) }} ~ '^[0-9]{1,9}$' then ({{ json_text(column, path) }})::integer end
{%- endmacro %}

{# An amount: at most 16 digits before and any after the point; null where the value is none. #}
{% macro json_amount(column, path) %}{{ return(adapter.dispatch('json_amount', 'sillage')(column, path)) }}{% endmacro %}

{% macro postgres__json_amount(column, path) -%}
    case
        when {{ json_text(column, path) }} ~ '^-?[0-9]{1,15}(\.[0-9]{1,30})?$'
            then ({{ json_text(column, path) }})::numeric(18, 2)
    end
{%- endmacro %}

{% macro json_boolean(column, path, otherwise) %}{{ return(adapter.dispatch('json_boolean', 'sillage')(column, path, otherwise)) }}{% endmacro %}

{% macro postgres__json_boolean(column, path, otherwise) -%}
    case lower({{ json_text(column, path) }})
        when 'true' then true
        when 'false' then false
        else {{ otherwise }}
    end
{%- endmacro %}
