{# How many distinct values an array holds, nulls not counted. #}
{% macro distinct_count(array) %}{{ return(adapter.dispatch('distinct_count', 'sillage')(array)) }}{% endmacro %}

{% macro postgres__distinct_count(array) -%}
    (select count(distinct item) from unnest({{ array }}) as item)
{%- endmacro %}
