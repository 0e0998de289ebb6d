{#
  How engaged a recipient is at `as_of`, 0 to 100: up to 60 points for the last click of a person and up to 40 for their last
  sign of life (an open, or a click, which proves one), fewer the longer ago; none where `is_lost`. The steps are the segments
  that senders work with: active within 30 days, within 90, within 180, lapsed (docs/indicators.md).
#}
{% macro engagement_score(opened_at, clicked_at, as_of, is_lost) -%}
    case
        when {{ is_lost }} then 0
        else {{ points_of_age(clicked_at, as_of, {30: 60, 90: 40, 180: 20}) }}
            + {{ points_of_age('greatest(' ~ opened_at ~ ', ' ~ clicked_at ~ ')', as_of, {30: 40, 90: 25, 180: 10}) }}
    end
{%- endmacro %}

{# The points of the first number of days that are not over since `moment`; 0 where all are, or where nothing happened. #}
{% macro points_of_age(moment, as_of, points) -%}
    case{% for days, value in points.items() %} when {{ days_between(moment, as_of) }} < {{ days }} then {{ value }}{% endfor %} else 0 end
{%- endmacro %}
