{# True where an array holds at least `least` distinct values, nulls not counted. Short arrays are not looked into. #}
{% macro holds_distinct(array, least) %}{{ return(adapter.dispatch('holds_distinct', 'sillage')(array, least)) }}{% endmacro %}

{% macro postgres__holds_distinct(array, least) -%}
    case
        when cardinality({{ array }}) >= {{ least }}
            then (select count(distinct item) from unnest({{ array }}) as item) >= {{ least }}
        else false
    end
{%- endmacro %}
