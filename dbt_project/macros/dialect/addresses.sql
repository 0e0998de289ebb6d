{# A text of a mail server with everything like an e-mail address left out. #}
{% macro without_addresses(expression) %}{{ return(adapter.dispatch('without_addresses', 'sillage')(expression)) }}{% endmacro %}

{% macro postgres__without_addresses(expression) -%}
    regexp_replace({{ expression }}, '[^\s@''"=<>,;()]+@[^\s@''"=<>,;()]+', 'address', 'g')
{%- endmacro %}
