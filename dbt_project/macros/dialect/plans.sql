{#
  At the end of a subquery: the planner shall not dissolve it into the query around it. For Postgres, a lateral subquery that
  stands apart is asked once for each row before it, by index.
#}
{% macro read_apart() %}{{ return(adapter.dispatch('read_apart', 'sillage')()) }}{% endmacro %}

{% macro postgres__read_apart() -%} offset 0 {%- endmacro %}

{#
  Before the parenthesis of a CTE that is named more than once: the planner shall not keep its rows aside. For Postgres, a
  query that reads rows kept aside is not shared among processes, and nothing is known of them (a sixth of int_delivery_totals).
#}
{% macro asked_anew() %}{{ return(adapter.dispatch('asked_anew', 'sillage')()) }}{% endmacro %}

{% macro postgres__asked_anew() -%} not materialized {%- endmacro %}
