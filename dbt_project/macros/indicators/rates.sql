{#
  A share in 0..1; null where the denominator is 0. Where the hours before the first one landed are missing, more messages
  may be seen opened than delivered: the share is 1 then, never more.
#}
{% macro rate(numerator, denominator) -%}
    {%- set share = 'cast(' ~ numerator ~ ' as numeric) / nullif(' ~ denominator ~ ', 0)' -%}
    {# Not least(): that would make 1 of a null. #}
    cast(case when {{ share }} > 1 then 1 else {{ share }} end as numeric(9, 6))
{%- endmacro %}

{#
  What opens would be if those of text-only messages could be seen: round(opens * to_deliver / (to_deliver - text_only)),
  null where all messages are text, or where the catalog knows of more text messages than there are to deliver
  (indicators.md: estimated_recipient_open_count).
#}
{% macro estimated_for_text_only(count, to_deliver, text_only) -%}
    case
        when {{ to_deliver }} > {{ text_only }}
            then cast(round(cast({{ count }} as numeric) * {{ to_deliver }} / ({{ to_deliver }} - {{ text_only }})) as bigint)
    end
{%- endmacro %}
