{# True where a text is an address within a network in CIDR notation; a text that is no address is in none. #}
{% macro is_in_network(address, network) %}{{ return(adapter.dispatch('is_in_network', 'sillage')(address, network)) }}{% endmacro %}

{% macro postgres__is_in_network(address, network) -%}
    case when pg_input_is_valid({{ address }}, 'inet') then cast({{ address }} as inet) <<= cast({{ network }} as cidr) else false end
{%- endmacro %}

{# The first address of the narrowest network of `networks` (a relation with a column network) around `address`, null outside all. #}
{% macro network_around(address, networks) %}{{ return(adapter.dispatch('network_around', 'sillage')(address, networks)) }}{% endmacro %}

{% macro postgres__network_around(address, networks) -%}
    (
        select host(network(cast(around.network as inet))) from {{ networks }} as around
        where {{ is_in_network(address, 'around.network') }} order by masklen(cast(around.network as cidr)) desc limit 1
    )
{%- endmacro %}
