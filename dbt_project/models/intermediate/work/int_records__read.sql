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
    records.source,
    records.window_start,
    records.provider_event_id,
    records.message_ref,
    records.delivery_ref,
    records.recipient_ref,
    records.email,
    {{ email_key_of('records.email') }} as email_key,
    nullif(split_part(records.email, '@', 2), '') as email_domain,
    records.source_event_type,
    records.event_type as named_event_type,
    records.url,
    records.link_position as position,
    records.content_part,
    records.user_agent,
    case when records.user_agent is not null then {{ key_of(['records.user_agent']) }} end as user_agent_key,
    records.ip,
    records.requester_id,
    records.http_method,
    records.reason,
    coalesce(erased.former_payload_hash, records.payload_hash) as payload_hash,
    records.amount,
    records.article_count,
    records.is_machine_flagged,
    records.is_recipient_ambiguous,
    records.occurred_at,
    -- The identity. A record that an erasure has rewritten keeps the one that it had.
    case
        when erased.event_key is not null then erased.event_key
        -- A provider's id names an event within its message: should a source use one twice, nothing is lost.
        when records.provider_event_id is not null
            then {{ key_of([
                'records.source', 'records.provider_event_id', 'records.message_ref', 'records.delivery_ref',
                'records.recipient_ref', 'records.email'
            ]) }}
        -- Without url and place two links clicked in one second would collapse into one.
        else {{ key_of([
            'records.source', 'records.message_ref', 'records.delivery_ref', 'records.source_event_type',
            instant_text('records.occurred_at'), 'records.recipient_ref', 'records.email', 'records.url',
            'cast(records.link_position as text)', 'records.content_part', 'records.ip', 'records.user_agent'
        ]) }}
    end as event_key
from records
left join {{ source('ops', 'erased_record') }} as erased
    on
        records.payload_hash = erased.payload_hash
        and records.source = erased.source
        and records.window_start = erased.window_start
