-- Amazon SES, out of its envelope, one record per recipient concerned; `_sillage` is what landing found in the envelope.
with source as (

    select * from {{ source('raw', 'ses') }}
    where window_start in {{ run_hours() }}

),

typed as (

    select
        source.*,
        coalesce({{ json_text('payload', 'eventType') }}, {{ json_text('payload', 'notificationType') }}) as source_event_type
    from source

)

select
    'ses' as source,
    window_start,
    -- The envelope's id differs between Firehose (none), SNS and EventBridge, which may all bring the same event.
    cast(null as text) as provider_event_id,
    {{ json_id('payload', 'mail.messageId') }} as message_ref,
    {{ first_json_id('payload', var('ses_delivery_paths')) }} as delivery_ref,
    {{ first_json_id('payload', ['mail.tags.recipient_id.*', 'mail.tags.recipient_id']) }} as recipient_ref,
    {{ email_of(json_text('payload', '_sillage.recipient')) }} as email,
    source_event_type,
    case source_event_type
        when 'Open' then 'open'
        when 'Click' then 'click'
        when 'Send' then 'sent'
        when 'Delivery' then 'delivered'
        when 'DeliveryDelay' then 'deferred'
        when 'Bounce' then {{ ses_bounce_type('payload') }}
        when 'Complaint' then {{ ses_complaint_type('payload') }}
        when 'Reject' then 'rejected'
        when 'Rendering Failure' then 'rejected'
        when 'Subscription' then case when {{ ses_opts_out('payload') }} then 'opt_out' else 'other' end
        else 'other'
    end as event_type,
    {{ json_text('payload', 'click.link') }} as url,
    nullif(
        cast(substring({{ first_json_id('payload', ['click.linkTags.position.*', 'click.linkTags.position']) }} from '^[0-9]{1,9}$')
            as integer), 0
    ) as link_position,
    case {{ first_json_id('payload', ['click.linkTags.content_part.*', 'click.linkTags.content_part']) }}
        when 'html' then 'html'
        when 'text' then 'text'
    end as content_part,
    coalesce({{ json_text('payload', 'open.userAgent') }}, {{ json_text('payload', 'click.userAgent') }}) as user_agent,
    coalesce({{ json_text('payload', 'open.ipAddress') }}, {{ json_text('payload', 'click.ipAddress') }}) as ip,
    cast(null as text) as requester_id,
    cast(null as text) as http_method,
    coalesce(
        {{ json_text('payload', '_sillage.diagnostic') }}, {{ json_text('payload', 'bounce.bounceSubType') }},
        {{ json_text('payload', 'complaint.complaintSubType') }}, {{ json_text('payload', 'reject.reason') }},
        {{ json_text('payload', 'failure.errorMessage') }}, {{ json_text('payload', 'deliveryDelay.delayType') }}
    ) as reason,
    cast(null as numeric(18, 2)) as amount,
    cast(null as bigint) as article_count,
    false as is_machine_flagged,
    {{ json_boolean('payload', '_sillage.is_recipient_ambiguous', 'false') }} as is_recipient_ambiguous,
    {{ payload_hash('payload') }} as payload_hash,
    occurred_at
from typed
