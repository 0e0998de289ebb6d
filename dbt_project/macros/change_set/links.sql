{# What a catalog entry says of a link; a type or part that the contract does not know counts as a click link, in no part. #}
{% macro link_type_of(payload) -%}
    case
        when {{ json_text(payload, 'link_type') }} in ('click', 'opt_out', 'mirror_page', 'web', 'transaction')
            then {{ json_text(payload, 'link_type') }}
        else 'click'
    end
{%- endmacro %}

{% macro content_part_of(payload) -%}
    case when {{ json_text(payload, 'content_part') }} in ('html', 'text') then {{ json_text(payload, 'content_part') }} end
{%- endmacro %}
