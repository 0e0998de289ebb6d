{# Times. All of them are UTC instants. #}

{# An instant as text that no session setting changes: part of an event's identity, so to the microsecond. #}
{% macro instant_text(expression) %}{{ return(adapter.dispatch('instant_text', 'sillage')(expression)) }}{% endmacro %}

{% macro postgres__instant_text(expression) -%} extract(epoch from {{ expression }})::text {%- endmacro %}

{# Start of the period of `minutes` that an instant falls into, counted from midnight UTC. #}
{% macro period_start(expression, minutes) %}{{ return(adapter.dispatch('period_start', 'sillage')(expression, minutes)) }}{% endmacro %}

{% macro postgres__period_start(expression, minutes) -%}
    date_bin(interval '{{ minutes }} minutes', {{ expression }}, timestamptz '2000-01-01 00:00:00+00')
{%- endmacro %}

{% macro seconds_between(earlier, later) %}{{ return(adapter.dispatch('seconds_between', 'sillage')(earlier, later)) }}{% endmacro %}

{% macro postgres__seconds_between(earlier, later) -%} extract(epoch from {{ later }} - {{ earlier }}) {%- endmacro %}

{# An hour as a number: how many began since 1970. And the hour of such a number. #}
{% macro hour_number(window_start) %}{{ return(adapter.dispatch('hour_number', 'sillage')(window_start)) }}{% endmacro %}

{% macro postgres__hour_number(window_start) -%} cast(extract(epoch from {{ window_start }}) / 3600 as integer) {%- endmacro %}

{% macro hour_of(hour_number) %}{{ return(adapter.dispatch('hour_of', 'sillage')(hour_number)) }}{% endmacro %}

{% macro postgres__hour_of(hour_number) -%} to_timestamp(cast({{ hour_number }} as bigint) * 3600) {%- endmacro %}

{# The day of an instant in UTC, as text: 2026-01-05. #}
{% macro utc_day(expression) %}{{ return(adapter.dispatch('utc_day', 'sillage')(expression)) }}{% endmacro %}

{% macro postgres__utc_day(expression) -%} to_char({{ expression }} at time zone 'UTC', 'YYYY-MM-DD') {%- endmacro %}
