{# Hashes. A surrogate key is 16 bytes: at 20 M events the chance of one collision is below 1e-24. #}

{% macro key_of(expressions) %}{{ return(adapter.dispatch('key_of', 'sillage')(expressions)) }}{% endmacro %}

{# Nulls count as blanks; the separator (unit separator, U+001F) keeps ('ab', 'c') and ('a', 'bc') apart. #}
{% macro postgres__key_of(expressions) -%}
    md5(
        {%- for expression in expressions %}
        coalesce({{ expression }}, ''){{ " || chr(31) ||" if not loop.last }}
        {%- endfor %}
    )::uuid
{%- endmacro %}

{#
  The first eight bytes of key_of, as a number: what names something within what is named besides. An event within its
  message, a message within its delivery, a place among the places: docs/adr/0007-slim-event-store.md.
#}
{% macro short_key_of(expressions) %}{{ return(adapter.dispatch('short_key_of', 'sillage')(expressions)) }}{% endmacro %}

{% macro postgres__short_key_of(expressions) -%}
    cast(cast('x' || left(
        md5(
            {%- for expression in expressions %}
            coalesce({{ expression }}, ''){{ " || chr(31) ||" if not loop.last }}
            {%- endfor %}
        ), 16
    ) as bit(64)) as bigint)
{%- endmacro %}

{# The same of a key that key_of has made. #}
{% macro shortened_key(key) %}{{ return(adapter.dispatch('shortened_key', 'sillage')(key)) }}{% endmacro %}

{% macro postgres__shortened_key(key) -%}
    cast(cast('x' || replace(left(cast({{ key }} as text), 18), '-', '') as bit(64)) as bigint)
{%- endmacro %}

{# What names an event everywhere: its message's key and its own, in the form of a UUID. #}
{% macro event_id_of(event) %}{{ return(adapter.dispatch('event_id_of', 'sillage')(event)) }}{% endmacro %}

{% macro postgres__event_id_of(event) -%}
    cast(cast(
        lpad(to_hex({{ event }}.message_key), 16, '0') || lpad(to_hex({{ event }}.event_key), 16, '0') as uuid
    ) as text)
{%- endmacro %}

{# A number that stands for a row of values within one run: fast, and another in the next version of Postgres perhaps. #}
{% macro row_hash(columns) %}{{ return(adapter.dispatch('row_hash', 'sillage')(columns)) }}{% endmacro %}

{% macro postgres__row_hash(columns) -%} hash_record_extended(row({{ columns | join(', ') }}), 0) {%- endmacro %}

{#
  The digest by which an address is known; null where there is none. What an erasure writes in place of an address holds its
  digest (`erased-<digest>@<domain>`, sillage/upkeep/erasure.py), and is known by the same.
#}
{% macro email_key_of(email) %}{{ return(adapter.dispatch('email_key_of', 'sillage')(email)) }}{% endmacro %}

{% macro postgres__email_key_of(email) -%}
    case when {{ is_erased_address(email) }} then cast(substring({{ email }} from 8 for 32) as uuid) else cast(md5({{ email }}) as uuid) end
{%- endmacro %}

{% macro is_erased_address(email) %}{{ return(adapter.dispatch('is_erased_address', 'sillage')(email)) }}{% endmacro %}

{% macro postgres__is_erased_address(email) -%}
    coalesce(left({{ email }}, 7) = 'erased-' and {{ email }} ~ '^erased-[0-9a-f]{32}@', false)
{%- endmacro %}

{# An address with its digest in place of the person's part, as an erasure writes it. #}
{% macro erased_address(email) %}{{ return(adapter.dispatch('erased_address', 'sillage')(email)) }}{% endmacro %}

{% macro postgres__erased_address(email) -%}
    'erased-' || replace(cast({{ email_key_of(email) }} as text), '-', '') || '@' || split_part({{ email }}, '@', -1)
{%- endmacro %}

{# A number that two payloads share only when they say the same: orders copies of one event that differ. #}
{% macro payload_hash(column) %}{{ return(adapter.dispatch('payload_hash', 'sillage')(column)) }}{% endmacro %}

{% macro postgres__payload_hash(column) -%} jsonb_hash_extended({{ column }}, 0) {%- endmacro %}

{# Half of that number, which is enough to order the few copies of one event that tell the same time. #}
{% macro payload_order(payload_hash) -%} cast({{ payload_hash }} >> 32 as integer) {%- endmacro %}

{# A short text that stands for an address without showing it. #}
{% macro pseudonym(expression) %}{{ return(adapter.dispatch('pseudonym', 'sillage')(expression)) }}{% endmacro %}

{% macro postgres__pseudonym(expression) -%} md5({{ expression }}) {%- endmacro %}

{#
  A name that a key can hold: an index entry of Postgres takes 2 704 bytes, of which two names (a link's delivery and its
  own id) share one. A longer text is its beginning and its digest; RFC 5322 allows message ids of 998. A unit separator would
  let two names look like two others in a digest (key_of).
#}
{% macro key_text(expression) %}{{ return(adapter.dispatch('key_text', 'sillage')(expression)) }}{% endmacro %}

{% macro postgres__key_text(expression) -%}
    case
        when octet_length({{ expression }}) > 1000
            then replace(left({{ expression }}, 200), chr(31), ' ') || '...' || md5({{ expression }})
        else replace({{ expression }}, chr(31), ' ')
    end
{%- endmacro %}
