{# What an event says by itself (not what was found out about it): the columns that a new reading starts from. #}
{% macro event_reading_list() %}
    {{ return([
        'source', 'window_start', 'provider_event_id', 'event_key', 'payload_order', 'copy_count', 'message_ref',
        'delivery_ref', 'recipient_ref', 'email_key', 'email_domain', 'source_event_type', 'named_event_type', 'url',
        'position', 'content_part', 'user_agent_key', 'ip', 'requester_id', 'http_method', 'reason', 'amount',
        'article_count', 'is_machine_flagged', 'is_recipient_ambiguous', 'occurred_at'
    ]) }}
{% endmacro %}

{# What a run must know of an event that was published before: what it says, whose it is, and how it was counted. #}
{% macro published_event_list() %}
    {{ return(event_reading_list() + [
        'delivery_id', 'message_id', 'resolved_email_domain', 'recipient_domain', 'link_id', 'event_type', 'verdict',
        'is_standing', 'is_withheld', 'is_repeat', 'device_type', 'os_family', 'browser_family'
    ]) }}
{% endmacro %}

{# The same with whose event it is: the columns of what arrived. #}
{% macro arrived_event_list() %}
    {{ return(event_reading_list() + [
        'email', 'delivery_id', 'recipient_id', 'message_id', 'message_key', 'resolved_email_domain'
    ]) }}
{% endmacro %}

{# The events that the touched messages will hold: this run's arrivals, and what was published before. #}
{% macro candidate_events(columns) -%}
(
    select {{ columns | join(', ') }} from {{ ref('int_events__arrived') }}
    union all
    select {{ columns | join(', ') }} from {{ published_candidates(columns) }} as published
)
{%- endmacro %}

{# Of these, the ones published before: those that the catalog's changes recall, and the others of other hours. #}
{% macro published_candidates(columns) -%}
(
    select {{ columns | join(', ') }} from {{ ref('int_events__recalled') }}
    union all
    select {{ columns | join(', ') }} from {{ ref('int_events__published_before') }} as event
    where
        event.window_start not in {{ run_hours() }}
        and not exists (
            select 1 from {{ ref('int_events__recalled') }} as recalled
            where
                recalled.former_delivery_number = event.delivery_number
                and recalled.former_message_key = event.message_key
                and recalled.former_recipient_id = event.recipient_id
                and recalled.event_key = event.event_key
                and recalled.window_start = event.window_start
        )
)
{%- endmacro %}
