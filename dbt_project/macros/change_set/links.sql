{# What a catalog entry says of a link; a type or part that the contract does not know counts as a click link, in no part. #}
{% macro link_type_of(payload) -%}
    case
        when {{ json_text(payload, 'link_type') }} in ('click', 'opt_out', 'mirror_page', 'web', 'transaction')
            then {{ json_text(payload, 'link_type') }}
        else 'click'
    end
{%- endmacro %}

{# A link's label and its category, as everybody may read them. #}
{% macro link_label_of(payload) -%} {{ without_addresses(json_text(payload, 'label')) }} {%- endmacro %}

{% macro link_category_of(payload) -%} {{ without_addresses(json_text(payload, 'category')) }} {%- endmacro %}

{# What names a link's entry among the catalog's: a link's own id is one within its delivery. #}
{% macro link_entry_key(delivery_id, link_id) -%} {{ delivery_id }} || chr(31) || {{ link_id }} {%- endmacro %}

{% macro content_part_of(payload) -%}
    case when {{ json_text(payload, 'content_part') }} in ('html', 'text') then {{ json_text(payload, 'content_part') }} end
{%- endmacro %}
