-- Sillage's own event format (docs/schema/canonical_event.json): one field per column, nothing to guess.
with source as (

    select * from {{ source('raw', 'canonical') }}
    where window_start in {{ run_hours() }}

)

select
    'canonical' as source,
    window_start,
    {{ json_id('payload', 'event_id') }} as provider_event_id,
    {{ json_id('payload', 'message_id') }} as message_ref,
    {{ first_json_id('payload', var('canonical_delivery_paths')) }} as delivery_ref,
    {{ json_id('payload', 'recipient_id') }} as recipient_ref,
    {{ email_of(json_text('payload', 'email')) }} as email,
    {{ json_text('payload', 'event_type') }} as source_event_type,
    case
        when {{ json_text('payload', 'event_type') }} = 'bounce'
            then case {{ json_text('payload', 'bounce_type') }} when 'hard' then 'hard_bounce' else 'soft_bounce' end
        when {{ json_text('payload', 'event_type') }} in (
            'targeted', 'sent', 'delivered', 'deferred', 'complaint', 'open', 'click', 'mirror_page',
            'opt_out', 'web', 'transaction', 'forward'
        ) then {{ json_text('payload', 'event_type') }}
        else 'other'
    end as event_type,
    {{ json_text('payload', 'url') }} as url,
    {{ json_position('payload', 'link_position') }} as link_position,
    case {{ json_text('payload', 'content_part') }} when 'html' then 'html' when 'text' then 'text' end as content_part,
    {{ json_text('payload', 'user_agent') }} as user_agent,
    {{ json_text('payload', 'ip') }} as ip,
    {{ json_id('payload', 'requester_id') }} as requester_id,
    upper({{ json_text('payload', 'method') }}) as http_method,
    coalesce({{ json_text('payload', 'reason') }}, {{ json_text('payload', 'diagnostic') }}) as reason,
    {{ json_amount('payload', 'amount') }} as amount,
    cast({{ json_integer('payload', 'articles') }} as bigint) as article_count,
    false as is_machine_flagged,
    false as is_recipient_ambiguous,
    {{ payload_hash('payload') }} as payload_hash,
    occurred_at
from source
