{# E-mail addresses: one spelling for one mailbox, and none where a reader may not see them. #}

{#
  An address in the one spelling that it is compared in: lower case, no blanks around it, the domain in Unicode and without
  a dot at its end, no quotes that its local part does not need, no name before it. Nearly all are plain, so the function
  is asked for the rest alone.
#}
{% macro email_of(expression) %}{{ return(adapter.dispatch('email_of', 'sillage')(expression)) }}{% endmacro %}

{% macro postgres__email_of(expression) -%}
    case
        when {{ expression }} ~ '[^ -~]|["<>]|[xX][nN]--|[.][ ]*$|[ ]@|@[ ]' then ops.email_spelling({{ expression }})
        else nullif(lower(trim({{ expression }})), '')
    end
{%- endmacro %}

{#
  The domain of an address in that spelling: what follows the last @, 253 characters at most (RFC 1035); null where there is
  none, or what stands there cannot be one.
#}
{% macro domain_of(email) %}{{ return(adapter.dispatch('domain_of', 'sillage')(email)) }}{% endmacro %}

{% macro postgres__domain_of(email) -%}
    case
        when position('@' in {{ email }}) > 0 and split_part({{ email }}, '@', -1) !~ '[][[:space:]%/?&=<>(),;:"''\\]'
            then nullif(left(split_part({{ email }}, '@', -1), 253), '')
    end
{%- endmacro %}

{#
  A text in which `(address)` stands for every address, percent-encoded ones too: what the event store keeps of URLs and
  reasons, as everybody who reads the marts may see those. Two texts that differ by the address alone become one.
#}
{% macro without_addresses(expression) %}{{ return(adapter.dispatch('without_addresses', 'sillage')(expression)) }}{% endmacro %}

{% macro postgres__without_addresses(expression) -%}
    case
        -- The pattern costs ten times what this does, and few texts hold either sign.
        when {{ expression }} like '%@%' or {{ expression }} like '%\%%40%'
            then regexp_replace(
                {{ expression }},
                '[^][[:space:]@/?&=#"''<>(),;:\\{}]+(@|%(25)*40)[^][[:space:]@/?&=#"''<>(),;:\\{}%]+', '(address)', 'g'
            )
        else {{ expression }}
    end
{%- endmacro %}

{# An id as everybody may read it: no address within it, and no longer than a key can hold. #}
{% macro public_id(expression) -%} {{ key_text(without_addresses(expression)) }} {%- endmacro %}

{# True where an id is somebody's address: a recipient, or a cookie, that is called by it. #}
{% macro is_email(expression) -%} (position('@' in {{ expression }}) > 1) {%- endmacro %}

{# The recipient id of an address, by which nobody can read it. #}
{% macro recipient_id_of(email) -%} ('email:' || replace(cast({{ email_key_of(email) }} as text), '-', '')) {%- endmacro %}

{# A recipient's id as the sender wrote it: where it is the address, as everybody may read it. #}
{% macro public_recipient_id(expression) -%}
    case
        when {{ is_email(expression) }} then {{ recipient_id_of(email_of(expression)) }}
        else {{ key_text(expression) }}
    end
{%- endmacro %}
