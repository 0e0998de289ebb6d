{# What a request to a redirect server was: which paths are events is the operator's choice (the var `access_log_events`). #}

{#
  The type of the first rule whose pattern the path matches and whose methods have the request's; `other` where none does, and
  where the server did not answer as asked (4xx and 5xx). 499 is nginx' word for a reader who left before the answer.
#}
{% macro access_log_event_type(payload) -%}
    case
        when
            {{ json_text(payload, '_sillage.status') }} >= '400' and {{ json_text(payload, '_sillage.status') }} != '499'
            then 'other'
        {%- for rule in var('access_log_events') %}
        when
            {{ json_text(payload, '_sillage.path') }} ~* '{{ rule.path | replace("'", "''") }}'
            {%- if rule.methods is defined %}
            and {{ json_text(payload, '_sillage.method') }}
                in ({% for method in rule.methods %}'{{ method | upper }}'{{ ', ' if not loop.last }}{% endfor %})
            {%- endif %}
            then '{{ rule.event_type }}'
        {%- endfor %}
        else 'other'
    end
{%- endmacro %}
