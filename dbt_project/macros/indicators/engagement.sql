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

{#
  What is kept of a recipient, as conditions on the columns of an event: `recipient_sums` count those for which they hold,
  `recipient_extremes` have the newest of them.
#}
{% macro recipient_sums() %}
    {%- set human = ' and ' ~ is_human('verdict') -%}
    {{ return({
        'event_count': 'true',
        'human_open_count': event_sums()['open_count'].where ~ human,
        'human_click_count': event_sums()['click_count'].where ~ human,
        'opt_out_count': "event_type = 'opt_out'",
        'complaint_count': "event_type = 'complaint'",
    }) }}
{% endmacro %}

{% macro recipient_extremes() %}
    {%- set opened, clicked = event_sums()['open_count'].where, event_sums()['click_count'].where -%}
    {%- set human = ' and ' ~ is_human('verdict') -%}
    {{ return({
        'last_hard_bounce_at': "event_type = 'hard_bounce'",
        'last_delivered_at': "event_type = 'delivered'",
        'last_opened_at': opened,
        'last_clicked_at': clicked,
        'human_last_opened_at': opened ~ human,
        'human_last_clicked_at': clicked ~ human,
    }) }}
{% endmacro %}

{# The columns of an event that these ask. #}
{% macro recipient_act_list() %}
    {{ return(['recipient_id', 'event_type', 'verdict', 'is_repeat', 'is_withheld', 'occurred_at']) }}
{% endmacro %}

{# A condition on an event that counts for a recipient: all whom nobody names are no recipient. #}
{% macro is_of_a_recipient(recipient_id) -%} {{ recipient_id }} != 'unknown' {%- endmacro %}

{# All of these, for a query that groups events by recipient. #}
{% macro recipient_figures() -%}
    {%- for name, condition in recipient_sums().items() -%}
    count(case when {{ condition }} then 1 end) as {{ name }},
    {% endfor -%}
    {%- for name, condition in recipient_extremes().items() -%}
    max(case when {{ condition }} then occurred_at end) as {{ name }}{{ ',\n    ' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# int_recipient_totals as a query over all published events: the event store and the kinds of events, no other words. #}
{% macro recounted_recipients() -%}
select
    recipient_id,
    {{ recipient_figures() }}
from {{ published_events(recipient_act_list() + ['is_standing']) }} as event
where is_standing and {{ is_of_a_recipient('recipient_id') }}
group by recipient_id
{%- endmacro %}
