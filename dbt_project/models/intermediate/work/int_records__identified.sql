-- One row per record of the run's hours that is not a catalog entry, with its identity. `other` records stay in, to be counted.
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
    case
        -- A provider's id names an event within its message: should a source use one twice, nothing is lost.
        when provider_event_id is not null
            then {{ key_of(['source', 'provider_event_id', 'message_ref', 'delivery_ref', 'recipient_ref', 'email']) }}
        -- Without url and place two links clicked in one second would collapse into one.
        else {{ key_of([
            'source', 'message_ref', 'delivery_ref', 'source_event_type', instant_text('occurred_at'), 'recipient_ref',
            'email', 'url', 'cast(link_position as text)', 'content_part', 'ip', 'user_agent'
        ]) }}
    end as event_key,
    payload_hash,
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
    case when user_agent is not null then {{ key_of(['user_agent']) }} end as user_agent_key,
    ip,
    requester_id,
    http_method,
    reason,
    amount,
    article_count,
    is_machine_flagged,
    is_recipient_ambiguous,
    occurred_at
from records
