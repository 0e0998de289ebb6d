{#
  What is counted of one message's events, each formula written once. `event` columns: event_type, is_repeat, is_withheld,
  requester_id, amount, article_count. An open that must not be tracked (is_withheld) counts nowhere.
  `flags` are 0 or 1 for a message, `sums` add up. Definitions: docs/indicators.md.
#}
{% macro message_flags() %}
    {%- set flags = {
        'targeted_count': is_sending_event('event_type'),
        'rejected_count': "event_type = 'rejected'",
        'delivered_count': "event_type = 'delivered'",
        'hard_bounce_count': "event_type = 'hard_bounce'",
        'complaint_count': "event_type = 'complaint'",
    } -%}
    {%- for name, condition in behaviour_flags().items() -%}
        {%- do flags.update({name: condition, 'human_' ~ name: condition ~ ' and is_human'}) -%}
    {%- endfor -%}
    {{ return(flags) }}
{% endmacro %}

{% macro behaviour_flags() %}
    {{ return({
        'pixel_open_count': "event_type = 'open' and not is_withheld",
        'recipient_open_count': is_tracking_event('event_type') ~ " and not is_withheld",
        'recipient_click_count': "event_type = 'click'",
    }) }}
{% endmacro %}

{% macro behaviour_sums() %}
    {{ return({
        'open_count': {'of': '1', 'where': "event_type = 'open' and not is_repeat and not is_withheld"},
        'click_count': {'of': '1', 'where': "event_type = 'click'"},
        'opt_out_count': {'of': '1', 'where': "event_type = 'opt_out'"},
        'mirror_page_count': {'of': '1', 'where': "event_type = 'mirror_page'"},
        'web_page_count': {'of': '1', 'where': "event_type in ('web', 'transaction')"},
        'transaction_count': {'of': '1', 'where': "event_type = 'transaction'"},
        'transaction_amount': {'of': 'amount', 'where': "event_type = 'transaction'"},
        'article_count': {'of': 'article_count', 'where': "event_type = 'transaction'"},
    }) }}
{% endmacro %}

{% macro event_sums() %}
    {%- set sums = {
        'machine_open_count': {
            'of': '1', 'where': "event_type = 'open' and verdict = 'machine_open' and not is_repeat and not is_withheld"
        },
        'scanner_click_count': {'of': '1', 'where': "event_type = 'click' and verdict = 'scanner_click'"},
        'withheld_open_count': {'of': '1', 'where': 'is_withheld'},
    } -%}
    {%- for name, sum in behaviour_sums().items() -%}
        {%- do sums.update({name: sum, 'human_' ~ name: {'of': sum.of, 'where': sum.where ~ ' and is_human'}}) -%}
    {%- endfor -%}
    {{ return(sums) }}
{% endmacro %}

{% macro total_counters() %}
    {{ return(['message_count', 'soft_bounce_count'] + (message_flags().keys() | list) + (event_sums().keys() | list)) }}
{% endmacro %}

{% macro is_sending_event(event_type) -%}
    {{ event_type }} in (
        'targeted', 'sent', 'delivered', 'hard_bounce', 'soft_bounce', 'auto_reply', 'deferred', 'rejected', 'complaint'
    )
{%- endmacro %}
