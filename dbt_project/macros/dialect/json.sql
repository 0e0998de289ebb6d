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

{#
  The first path of the list that names something. A path that ends in `.*` is a list's: its first text or number counts (a
  category, a tag), whatever stands before it.
#}
{% macro first_json_id(column, paths) -%}
    coalesce(
        {%- for path in paths %}
        {{ json_first_id(column, path[:-2]) if path.endswith('.*') else json_id(column, path) }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{#
  An id out of a JSON value that may hold anything: a text without the blanks around it, or a number (1001.0 is 1001). Null
  where it is neither, or blank.
#}
{% macro json_id(column, path) %}{{ return(adapter.dispatch('json_id', 'sillage')(column, path)) }}{% endmacro %}

{% macro postgres__json_id(column, path) -%}
    case jsonb_typeof({{ column }} #> '{ {{- path.split('.') | join(',') -}} }')
        when 'string' then nullif({{ _trimmed(json_text(column, path)) }}, '')
        when 'number' then trim_scale(({{ json_text(column, path) }})::numeric)::text
    end
{%- endmacro %}

{# The first id in a JSON array; null where the value is no array, or none of its items is an id. #}
{% macro json_first_id(column, path) %}{{ return(adapter.dispatch('json_first_id', 'sillage')(column, path)) }}{% endmacro %}

{% macro postgres__json_first_id(column, path) -%}
    {#- Strict: else an item that is a list would be looked into. -#}
    {%- set ids = 'strict $."' ~ path.split('.') | join('"."') ~ '"[*] ? (@.type() == "number"'
        ~ ' || (@.type() == "string" && @ like_regex "[^ \\t\\n\\r\\f\\x0b]"))' -%}
    {%- set first = "jsonb_path_query_first(" ~ column ~ ", '" ~ ids ~ "', '{}', true)" -%}
    {#- No subquery: with one among its columns Postgres reads records in one process alone. -#}
    case
        when jsonb_typeof({{ column }} #> '{ {{- path.split('.') | join(',') -}} }') = 'array'
            then {{ _id_of(first) }}
    end
{%- endmacro %}

{# Blanks are line breaks and tabs too, as in the schemas: a template leaves them around a name. #}
{% macro _trimmed(expression) -%} btrim({{ expression }}, E' \t\n\r\f\x0b') {%- endmacro %}

{% macro _id_of(value) -%}
    case jsonb_typeof({{ value }})
        when 'number' then trim_scale(({{ value }} #>> '{}')::numeric)::text
        when 'string' then nullif({{ _trimmed(value ~ " #>> '{}'") }}, '')
    end
{%- endmacro %}

{% macro json_without(column, key) %}{{ return(adapter.dispatch('json_without', 'sillage')(column, key)) }}{% endmacro %}

{% macro postgres__json_without(column, key) -%} {{ column }} - '{{ key }}' {%- endmacro %}

{# A whole number out of a JSON value that may hold anything (3.0 is 3): null where it is none, or none that fits. #}
{% macro json_integer(column, path) %}{{ return(adapter.dispatch('json_integer', 'sillage')(column, path)) }}{% endmacro %}

{% macro postgres__json_integer(column, path) -%}
    case
        when {{ json_text(column, path) }} ~ '^[0-9]{1,9}(\.0{1,30})?$'
            then split_part({{ json_text(column, path) }}, '.', 1)::integer
    end
{%- endmacro %}

{# A position in a message, from 1: who counts from 0 tells none for the first link. #}
{% macro json_position(column, path) -%} nullif({{ json_integer(column, path) }}, 0) {%- endmacro %}

{#
  An amount of fewer than 10^12, so that ten thousand of the largest fit the counters' 16 digits; any number of digits after
  the point. Null where the value is none (raw_hours.yml warns of transactions that lose theirs).
#}
{% macro json_amount(column, path) %}{{ return(adapter.dispatch('json_amount', 'sillage')(column, path)) }}{% endmacro %}

{% macro postgres__json_amount(column, path) -%}
    case
        when {{ json_text(column, path) }} ~ '^-?[0-9]{1,12}(\.[0-9]{1,30})?$'
            then ({{ json_text(column, path) }})::numeric(18, 2)
    end
{%- endmacro %}

{% macro json_boolean(column, path, otherwise) %}{{ return(adapter.dispatch('json_boolean', 'sillage')(column, path, otherwise)) }}{% endmacro %}

{% macro postgres__json_boolean(column, path, otherwise) -%}
    case lower({{ json_text(column, path) }})
        when 'true' then true
        when '1' then true
        when 'false' then false
        when '0' then false
        else {{ otherwise }}
    end
{%- endmacro %}

{# The text of the first path that has one which is not blank; paths as in json_text. #}
{% macro first_json_text(column, paths) -%}
    coalesce({% for path in paths %}nullif({{ json_text(column, path) }}, ''){{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{# The value of `name` in a list of objects with the members name and value, as an id; null where there is none. #}
{% macro json_named_id(column, path, name) %}{{ return(adapter.dispatch('json_named_id', 'sillage')(column, path, name)) }}{% endmacro %}

{% macro postgres__json_named_id(column, path, name) -%}
    case jsonb_typeof({{ column }} #> '{ {{- path.split('.') | join(',') -}} }')
        when 'array'
            then {{ _id_of("jsonb_path_query_first(" ~ column ~ ", '$." ~ path ~ "[*] ? (@.name == \"" ~ name ~ "\").value')") }}
    end
{%- endmacro %}

{#
  The value of `name`, at any depth, in a text that may hold JSON ({"name": "value"}) or names and values
  (name:value|other:value), as an id. The text is the sender's own and may be anything: it is parsed only if it is JSON.
#}
{% macro named_in_text(expression, name) %}{{ return(adapter.dispatch('named_in_text', 'sillage')(expression, name)) }}{% endmacro %}

{% macro postgres__named_in_text(expression, name) -%}
    {%- set named = "jsonb_path_query_first((" ~ expression ~ ")::jsonb, 'strict $.**.\"" ~ name
        ~ "\" ? (@.type() == \"string\" || @.type() == \"number\")')" -%}
    {%- set pattern = "(?:^|[^[:alnum:]_])" ~ name ~ "\"?\\s*[:=]\\s*\"?([^\"|,;&{}]+)" -%}
    case
        -- Brackets are counted first: JSON that is nested too deep for Postgres is an error even to pg_input_is_valid.
        when
            ({{ expression }}) ~ '^\s*\{'
            and length({{ expression }}) - length(translate({{ expression }}, '{[', '')) <= 64
            and pg_input_is_valid({{ expression }}, 'jsonb')
            then {{ _id_of(named) }}
        else
            nullif({{ _trimmed("substring(" ~ expression ~ " from '" ~ pattern ~ "')") }}, '')
    end
{%- endmacro %}
