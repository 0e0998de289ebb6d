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

{# The site's time zone: SILLAGE_TIME_ZONE, as plugins/sillage/transform/dbt.py hands it on. The next run follows a change. #}
{% macro site_time_zone() %}{{ return(env_var('SILLAGE_DBT_TIME_ZONE', 'UTC')) }}{% endmacro %}

{# The day on which an instant falls in the site's time zone. #}
{% macro site_day(expression) %}{{ return(adapter.dispatch('site_day', 'sillage')(expression)) }}{% endmacro %}

{% macro postgres__site_day(expression) -%}
    cast(({{ expression }}) at time zone {{ as_text(site_time_zone()) }} as date)
{%- endmacro %}

{# The instant at which a day begins in the site's time zone. #}
{% macro start_of_site_day(day) %}{{ return(adapter.dispatch('start_of_site_day', 'sillage')(day)) }}{% endmacro %}

{% macro postgres__start_of_site_day(day) -%}
    cast({{ day }} as timestamp) at time zone {{ as_text(site_time_zone()) }}
{%- endmacro %}

{# A part of a day as an integer: year, quarter, month, day, isoyear, week (of that year, ISO 8601) or isodow (Monday is 1). #}
{% macro day_part(part, day) %}{{ return(adapter.dispatch('day_part', 'sillage')(part, day)) }}{% endmacro %}

{% macro postgres__day_part(part, day) -%} cast(extract({{ part }} from {{ day }}) as integer) {%- endmacro %}

{# The first day of the `unit` (year, quarter, month or week, which begins on Monday) that a day lies in. #}
{% macro first_day_of(unit, day) %}{{ return(adapter.dispatch('first_day_of', 'sillage')(unit, day)) }}{% endmacro %}

{% macro postgres__first_day_of(unit, day) -%} cast(date_trunc('{{ unit }}', cast({{ day }} as timestamp)) as date) {%- endmacro %}

{# Every day from the first to the last, as a subquery with the column `day`. #}
{% macro all_days(first, last) %}{{ return(adapter.dispatch('all_days', 'sillage')(first, last)) }}{% endmacro %}

{% macro postgres__all_days(first, last) -%}
    (
        select cast(moment as date) as day
        from generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1 day') as moment
    )
{%- endmacro %}

{# How many whole days lie between two instants. #}
{% macro days_between(earlier, later) %}{{ return(adapter.dispatch('days_between', 'sillage')(earlier, later)) }}{% endmacro %}

{% macro postgres__days_between(earlier, later) -%}
    cast(floor(extract(epoch from {{ later }} - {{ earlier }}) / 86400) as integer)
{%- endmacro %}
