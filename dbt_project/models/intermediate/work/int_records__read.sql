-- One row per record of the run's hours that is not a catalog entry: what the sources' staging models read, in one shape, with
-- names that a key can hold and that everybody may read. A table, because JSON is read once for all that follows.
{% set sources = ['sendgrid', 'ses', 'canonical'] %}

with records as (
    {% for name in sources %}
    select * from {{ ref('stg_' ~ name ~ '__events') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
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
    email_domain,
    source_event_type,
    event_type as named_event_type,
    case when told_url != url then told_url end as unmasked_url,
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
from named
