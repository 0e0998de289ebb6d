-- One row per record of the run's hours that is not a catalog entry: what the sources' staging models read, in one shape.
{{ config(materialized='work_view') }}

{% set sources = ['sendgrid', 'ses', 'canonical'] %}

with records as (
    {% for name in sources %}
    select * from {{ ref('stg_' ~ name ~ '__events') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    source,
    window_start,
    provider_event_id,
    message_ref,
    delivery_ref,
    recipient_ref,
    email,
    case when email is not null then {{ key_of(['email']) }} end as email_key,
    nullif(split_part(email, '@', 2), '') as email_domain,
    source_event_type,
    event_type as named_event_type,
    url,
    link_position as position,
    content_part,
    user_agent,
    case when user_agent is not null then {{ key_of(['user_agent']) }} end as user_agent_key,
    ip,
    requester_id,
    http_method,
    reason,
    payload_hash,
    amount,
    article_count,
    is_machine_flagged,
    is_recipient_ambiguous,
    occurred_at
from records
