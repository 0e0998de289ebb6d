{# True where two values are the same, nulls included. #}
{% macro is_same(left, right) %}{{ return(adapter.dispatch('is_same', 'sillage')(left, right)) }}{% endmacro %}

{% macro postgres__is_same(left, right) -%} {{ left }} is not distinct from {{ right }} {%- endmacro %}
