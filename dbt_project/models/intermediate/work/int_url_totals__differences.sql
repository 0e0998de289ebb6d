-- One row per delivery, URL and link type of which the touched messages hold other clicks than before, with the difference.
{{ config(tags=['heavy']) }}

with messages as (

    select
        weight,
        delivery_id,
        delivery_number,
        coalesce(url, '') as url,
        {{ key_of(['url']) }} as url_key,
        event_type as link_type,
        count(*) as click_count,
        sum(case when {{ is_human('verdict') }} then 1 else 0 end) as human_click_count,
        max(case when {{ is_human('verdict') }} then 1 else 0 end) as human_recipient_click_count,
        min(occurred_at) as first_clicked_at,
        max(occurred_at) as last_clicked_at
    from {{ counted_events([
        'delivery_id', 'delivery_number', 'message_key', 'recipient_id', 'url', 'event_type', 'verdict', 'occurred_at'
    ]) }} as weighted
    -- A click counts even where its source does not tell the address: the clicks of a delivery must add up.
    where event_type = 'click' or (url is not null and event_type in ('opt_out', 'mirror_page', 'web', 'transaction'))
    group by weight, delivery_id, delivery_number, message_key, recipient_id, coalesce(url, ''), {{ key_of(['url']) }}, event_type

)

select
    delivery_id,
    delivery_number,
    url,
    url_key,
    link_type,
    sum(weight * click_count) as click_count,
    sum(weight) as recipient_click_count,
    sum(weight * human_click_count) as human_click_count,
    sum(weight * human_recipient_click_count) as human_recipient_click_count,
    min(case when weight = -1 then first_clicked_at end) as was_first_clicked_at,
    min(case when weight = 1 then first_clicked_at end) as is_now_first_clicked_at,
    max(case when weight = -1 then last_clicked_at end) as was_last_clicked_at,
    max(case when weight = 1 then last_clicked_at end) as is_now_last_clicked_at
from messages
group by delivery_id, delivery_number, url, url_key, link_type
