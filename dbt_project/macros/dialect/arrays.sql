{# True where an array holds at least `least` distinct values, nulls not counted. Short arrays are not looked into. #}
{% macro holds_distinct(array, least) %}{{ return(adapter.dispatch('holds_distinct', 'sillage')(array, least)) }}{% endmacro %}

{% macro postgres__holds_distinct(array, least) -%}
    case
        when cardinality({{ array }}) >= {{ least }}
            then (select count(distinct item) from unnest({{ array }}) as item) >= {{ least }}
        else false
    end
{%- endmacro %}

{# Of the rows of a group where `condition` holds, what `value` is in the first by `order_by`; null where none holds. #}
{% macro first_in_group(value, order_by, condition) %}{{ return(adapter.dispatch('first_in_group', 'sillage')(value, order_by, condition)) }}{% endmacro %}

{% macro postgres__first_in_group(value, order_by, condition) -%}
    (array_agg({{ value }} order by {{ order_by }}) filter (where {{ condition }}))[1]
{%- endmacro %}
