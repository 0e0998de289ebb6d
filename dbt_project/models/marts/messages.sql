-- A delivery at a time, so that who asks for one delivery reads its partition of the event store and no other.
with messages as (

    select
        numbers.delivery_id,
        message.*
    from {{ ref('int_delivery_numbers') }} as numbers
    cross join lateral (
        select
            recipient_id,
            min(message_id) as message_id,
            max(recipient_domain) as recipient_domain,
            {{ first_in_group(
                'reason', 'occurred_at desc, event_type, reason', "event_type in ('hard_bounce', 'soft_bounce')"
            ) }} as bounce_reason,
            {{ first_in_group('reason', 'occurred_at desc, reason', "event_type = 'rejected'") }} as rejection_reason,
            {% for name in ['open_count', 'click_count'] -%}
            {%- set sum = event_sums()[name] -%}
            count(case when {{ sum.where }} then 1 end) as {{ name }},
            count(case when {{ sum.where }} and {{ is_human('verdict') }} then 1 end) as human_{{ name }},
            {% endfor -%}
            max(case when event_type = 'hard_bounce' then occurred_at end) as last_hard_bounce_at,
            -- What sounds like an automatic reply is a refusal where nothing was delivered.
            coalesce(
                max(case when event_type = 'soft_bounce' then occurred_at end),
                case
                    when not bool_or(event_type = 'delivered') then max(case when event_type = 'auto_reply' then occurred_at end)
                end
            ) as last_soft_bounce_at,
            max(case when event_type = 'delivered' then occurred_at end) as last_delivered_at,
            coalesce(bool_or(event_type = 'rejected'), false) as is_rejected,
            coalesce(bool_or(event_type = 'deferred'), false) as is_deferred,
            coalesce(bool_or(event_type = 'opt_out'), false) as is_opted_out,
            coalesce(bool_or(event_type = 'complaint'), false) as is_complaint,
            min(case when event_type in ('sent', 'delivered') then occurred_at end) as sent_at,
            min(case when event_type = 'delivered' then occurred_at end) as delivered_at,
            {% for name, past in {'open_count': 'opened', 'click_count': 'clicked'}.items() -%}
            {%- set sum = event_sums()[name] -%}
            min(case when {{ sum.where }} then occurred_at end) as first_{{ past }}_at,
            max(case when {{ sum.where }} then occurred_at end) as last_{{ past }}_at{{ ',' if not loop.last }}
            {% endfor %}
        from {{ ref('int_events') }} as event
        where event.delivery_number = numbers.delivery_number and event.is_standing
        group by event.message_key, event.recipient_id
    ) as message

),

judged as (

    select
        *,
        last_hard_bounce_at is not null as is_hard_bounce,
        -- As int_delivery_totals counts it: the last failure is temporary, and nothing was delivered after it.
        last_soft_bounce_at is not null
        and (last_hard_bounce_at is null or last_hard_bounce_at < last_soft_bounce_at)
        and (last_delivered_at is null or last_delivered_at <= last_soft_bounce_at) as is_soft_bounce
    from messages

)

select
    delivery_id,
    recipient_id,
    message_id,
    recipient_domain,
    case
        when delivered_at is not null then 'delivered'
        when is_hard_bounce then 'hard_bounce'
        when is_soft_bounce then 'soft_bounce'
        when is_rejected then 'rejected'
        when is_deferred then 'deferred'
        when sent_at is not null then 'sent'
    end as status,
    {{ without_addresses('coalesce(bounce_reason, rejection_reason)') }} as bounce_reason,
    open_count,
    click_count,
    human_open_count,
    human_click_count,
    is_hard_bounce,
    is_soft_bounce,
    is_opted_out,
    is_complaint,
    sent_at,
    delivered_at,
    greatest(last_hard_bounce_at, last_soft_bounce_at) as bounced_at,
    first_opened_at,
    last_opened_at,
    first_clicked_at,
    last_clicked_at
from judged
