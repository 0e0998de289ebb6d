{# True where a text is an address within a network in CIDR notation; a text that is no address is in none. #}
{% macro is_in_network(address, network) %}{{ return(adapter.dispatch('is_in_network', 'sillage')(address, network)) }}{% endmacro %}

{% macro postgres__is_in_network(address, network) -%}
    case when pg_input_is_valid({{ address }}, 'inet') then cast({{ address }} as inet) <<= cast({{ network }} as cidr) else false end
{%- endmacro %}
