-- One row per record of the run's hours that is not a catalog entry: what the sources' staging models read, in one shape, with
-- its identity, and with names that a key can hold and that everybody may read. A view, which an erasure asks for other hours.
{{ config(materialized='work_view') }}

with records as (

    {{ events_of_all_sources() }}

),

-- A recipient's id that is the event's own address, or all that is told of it, names nobody by itself: the address does.
addressed as (

    select
        records.*,
        case when {{ is_email('recipient_ref') }} then {{ email_of('recipient_ref') }} end as recipient_email
    from records

),

named as (

    select
        source,
        window_start,
        case
            when {{ is_email('provider_event_id') }} then {{ pseudonym('provider_event_id') }}
            else {{ key_text('provider_event_id') }}
        end as provider_event_id,
        {{ key_text('message_ref') }} as message_ref,
        {{ public_id('delivery_ref') }} as delivery_ref,
        case
            when recipient_email is null then {{ key_text('recipient_ref') }}
            when email is not null and recipient_email != email then {{ recipient_id_of('recipient_email') }}
        end as recipient_ref,
        {{ key_text('coalesce(email, recipient_email)') }} as email,
        {{ domain_of('coalesce(email, recipient_email)') }} as email_domain,
        source_event_type,
        event_type,
        url as told_url,
        {{ without_addresses('url') }} as url,
        link_position,
        content_part,
        user_agent,
        ip,
        case when {{ is_email('requester_id') }} then {{ pseudonym('requester_id') }} else {{ key_text('requester_id') }} end
            as requester_id,
        http_method,
        {{ without_addresses('reason') }} as reason,
        payload_hash,
        amount,
        article_count,
        is_machine_flagged,
        is_recipient_ambiguous,
        occurred_at
    from addressed
    -- Else an address is spelt anew in each of the three digests that it goes into.
    {{ read_apart() }}

)

select
    named.source,
    named.window_start,
    named.provider_event_id,
    named.message_ref,
    named.delivery_ref,
    named.recipient_ref,
    named.email,
    {{ email_key_of('named.email') }} as email_key,
    named.email_domain,
    named.source_event_type,
    named.event_type as named_event_type,
    named.url,
    named.link_position as position,
    named.content_part,
    named.user_agent,
    case when named.user_agent is not null then {{ short_key_of(['named.user_agent']) }} end as user_agent_key,
    named.ip,
    named.requester_id,
    named.http_method,
    named.reason,
    coalesce(erased.former_payload_hash, named.payload_hash) as payload_hash,
    named.amount,
    named.article_count,
    named.is_machine_flagged,
    named.is_recipient_ambiguous,
    named.occurred_at,
    -- The identity. A record that an erasure has rewritten keeps the one that it had.
    case
        when erased.event_key is not null then erased.event_key
        -- A provider's id names an event within its message: should a source use one twice, nothing is lost.
        when named.provider_event_id is not null
            then {{ short_key_of([
                'named.source', 'named.provider_event_id', 'named.message_ref', 'named.delivery_ref', 'named.recipient_ref',
                'named.email'
            ]) }}
        -- Without url and place two links clicked in one second would collapse into one.
        else {{ short_key_of([
            'named.source', 'named.message_ref', 'named.delivery_ref', 'named.source_event_type',
            instant_text('named.occurred_at'), 'named.recipient_ref', 'named.email', 'named.told_url',
            'cast(named.link_position as text)', 'named.content_part', 'named.ip', 'named.user_agent'
        ]) }}
    end as event_key
from named
left join {{ source('ops', 'erased_record') }} as erased
    on
        named.payload_hash = erased.payload_hash
        and named.source = erased.source
        and named.window_start = erased.window_start
