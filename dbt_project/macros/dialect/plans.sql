{#
  At the end of a subquery: the planner shall not dissolve it into the query around it. For Postgres, a lateral subquery that
  stands apart is asked once for each row before it, by index.
#}
{% macro read_apart() %}{{ return(adapter.dispatch('read_apart', 'sillage')()) }}{% endmacro %}

{% macro postgres__read_apart() -%} offset 0 {%- endmacro %}
