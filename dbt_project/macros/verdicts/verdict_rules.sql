{#
  The verdict rules, strongest first: the first whose condition holds gives the verdict, its name is the reason. Parameters
  are vars (dbt_project.yml), networks a seed. `event` is a row of int_events__linked, `pattern` its row of
  int_events__patterns or nulls, `network` the operator's scanner network that the address lies in or nulls.
  Evidence for each rule: docs/indicators.md.
#}
{% macro verdict_rules() %}
    {%- set is_click = "event.event_type in ('click', 'opt_out', 'mirror_page', 'web')" -%}
    {{ return([
        {'name': 'not_a_tracking_event', 'condition': "not " ~ is_tracking_event('event.event_type'), 'verdict': 'human'},
        {'name': 'provider_flag', 'condition': "event.event_type = 'open' and event.is_machine_flagged", 'verdict': 'machine_open'},
        {'name': 'provider_flag', 'condition': "event.is_machine_flagged", 'verdict': 'bot'},
        {'name': 'image_proxy', 'condition': "event.event_type = 'open' and event.agent_kind = 'mail_proxy'", 'verdict': 'proxy_open'},
        {'name': 'prefetch_agent', 'condition': "event.event_type = 'open' and event.agent_kind = 'prefetch'", 'verdict': 'machine_open'},
        {'name': 'honeypot', 'condition': "pattern.is_honeypot and event.event_type = 'open'", 'verdict': 'machine_open'},
        {'name': 'honeypot', 'condition': "pattern.is_honeypot", 'verdict': 'scanner_click'},
        {'name': 'burst', 'condition': "pattern.is_burst", 'verdict': 'scanner_click'},
        {'name': 'sweep', 'condition': "pattern.is_sweep", 'verdict': 'scanner_click'},
        {'name': 'head_request', 'condition': "event.http_method = 'HEAD'", 'verdict': 'bot'},
        {'name': 'empty_agent', 'condition': "event.agent_kind = 'empty'", 'verdict': 'bot'},
        {'name': 'http_library', 'condition': "event.agent_kind = 'library'", 'verdict': 'bot'},
        {'name': 'crawler', 'condition': "event.agent_kind = 'crawler'", 'verdict': 'bot'},
        {'name': 'early_click', 'condition': "pattern.is_early_click", 'verdict': 'suspect'},
        {'name': 'scanner_network', 'condition': "network.verdict is not null and " ~ is_click, 'verdict': none},
    ]) }}
{% endmacro %}

{% macro is_tracking_event(event_type) -%}
    {{ event_type }} in ('open', 'click', 'mirror_page', 'opt_out', 'web', 'transaction', 'forward')
{%- endmacro %}

{# A person did it, as far as the rules can see: a real open through an image proxy counts, and so does what is only probable. #}
{% macro is_human(verdict) -%} {{ verdict }} in ('human', 'proxy_open', 'suspect') {%- endmacro %}

{% macro verdict_of() -%}
    case
        {%- for rule in verdict_rules() %}
        when {{ rule.condition }} then {{ "'" ~ rule.verdict ~ "'" if rule.verdict else 'network.verdict' }}
        {%- endfor %}
        else 'human'
    end
{%- endmacro %}

{% macro verdict_reason_of() -%}
    case
        {%- for rule in verdict_rules() %}
        when {{ rule.condition }} then '{{ rule.name }}'
        {%- endfor %}
        else 'no_rule'
    end
{%- endmacro %}
