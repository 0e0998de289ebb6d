{#
  The verdict rules: which there are, in which order and with which verdict, is data (the var `verdict_rules`, strongest first);
  here stands what each of them asks. `event` is a row of int_events__linked, `pattern` its row of int_events__patterns or
  nulls, `network` the operator's scanner network that the address lies in or nulls. Evidence for each rule: docs/indicators.md.
#}
{% macro verdict_conditions() %}
    {#- RFC 8058: a mailbox provider's server asks for whoever pressed its button, by POST, which no scanner sends. -#}
    {%- set is_one_click = "coalesce(event.event_type = 'opt_out' and event.http_method = 'POST', false)" -%}
    {{ return({
        'provider_flag': "event.is_machine_flagged",
        'image_proxy': "event.event_type = 'open' and event.agent_kind = 'mail_proxy'",
        'prefetch_agent': "event.event_type = 'open' and event.agent_kind = 'prefetch'",
        'honeypot': "pattern.is_honeypot",
        'burst': "pattern.is_burst",
        'sweep': "pattern.is_sweep",
        'head_request': "event.http_method = 'HEAD'",
        'empty_agent': "event.agent_kind = 'empty' and not " ~ is_one_click,
        'http_library': "event.agent_kind = 'library' and not " ~ is_one_click,
        'crawler': "event.agent_kind = 'crawler' and not " ~ is_one_click,
        'early_click': "pattern.is_early_click",
        'scanner_network': "network.verdict is not null and event.event_type in ('click', 'opt_out', 'mirror_page', 'web')",
    }) }}
{% endmacro %}

{# The rules in force, each with its name, condition and verdict as SQL: the first whose condition holds gives the verdict. #}
{% macro verdict_rules() %}
    {%- set conditions = verdict_conditions() -%}
    {%- set rules = [
        {'name': 'not_a_tracking_event', 'condition': "not " ~ is_tracking_event('event.event_type'), 'verdict': "'human'"}
    ] -%}
    {%- for rule in var('verdict_rules') -%}
        {%- if rule.rule not in conditions -%}
            {%- do exceptions.raise_compiler_error(
                "The var verdict_rules names the rule " ~ rule.rule ~ ", which does not exist. There are: " ~ conditions | join(', ') ~ "."
            ) -%}
        {%- endif -%}
        {%- set condition = conditions[rule.rule] -%}
        {%- if rule.open_verdict -%}
            {%- do rules.append({
                'name': rule.rule, 'condition': condition ~ " and event.event_type = 'open'", 'verdict': verdict_as_sql(rule.rule, rule.open_verdict)
            }) -%}
        {%- endif -%}
        {%- do rules.append({'name': rule.rule, 'condition': condition, 'verdict': verdict_as_sql(rule.rule, rule.verdict)}) -%}
    {%- endfor -%}
    {{ return(rules) }}
{% endmacro %}

{# A verdict of the var as SQL; `of_network` is what the network's row of the seed says. #}
{% macro verdict_as_sql(rule, verdict) %}
    {%- if verdict == 'of_network' and rule == 'scanner_network' -%}{{ return('network.verdict') }}{%- endif -%}
    {%- set known = ['human', 'proxy_open', 'machine_open', 'scanner_click', 'bot', 'suspect'] -%}
    {%- if verdict not in known -%}
        {%- do exceptions.raise_compiler_error(
            "The var verdict_rules gives the rule " ~ rule ~ " the verdict " ~ verdict ~ ". Write one of: " ~ known | join(', ') ~ "."
        ) -%}
    {%- endif -%}
    {{ return("'" ~ verdict ~ "'") }}
{% endmacro %}

{% macro is_tracking_event(event_type) -%}
    {{ event_type }} in ('open', 'click', 'mirror_page', 'opt_out', 'web', 'transaction', 'forward')
{%- endmacro %}

{# A person did it, as far as the rules can see: a real open through an image proxy counts, and so does what is only probable. #}
{% macro is_human(verdict) -%} {{ verdict }} in ('human', 'proxy_open', 'suspect') {%- endmacro %}

{% macro verdict_of() -%}
    case
        {%- for rule in verdict_rules() %}
        when {{ rule.condition }} then {{ rule.verdict }}
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
