{# What SendGrid's fields mean beyond their text. #}

{# SendGrid's own id of a message: the part before the name of the filter server, the same for all events of the message. #}
{% macro sendgrid_message_id(expression) -%}
    nullif(split_part(split_part(split_part({{ expression }}, '.filter', 1), '.stfilter', 1), '.recvd', 1), '')
{%- endmacro %}

{#
  The message that a catalog entry claims. Who copies `sg_message_id` from a webhook has the filter server's name in it
  (`.filterdrecv-...-0`, `.filter0361p1las1-...`, `.recvd-...`); events are known by the part before.
#}
{% macro claimed_message_id(expression) -%}
    case
        when {{ expression }} ~ '[.](filter|stfilter|recvd)[0-9a-z]*-?[0-9a-z]*' then {{ sendgrid_message_id(expression) }}
        else {{ expression }}
    end
{%- endmacro %}
