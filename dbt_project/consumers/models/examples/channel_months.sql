with deliveries as (

    select
        deliveries.channel,
        calendar.month_start,
        statistics.delivered_count,
        statistics.human_recipient_open_count,
        statistics.human_recipient_click_count
    from {{ source('sillage', 'delivery_statistics') }} as statistics
    inner join {{ source('sillage', 'deliveries') }} as deliveries on statistics.delivery_id = deliveries.delivery_id
    left join {{ source('sillage', 'calendar') }} as calendar
        on deliveries.sent_at >= calendar.starts_at and deliveries.sent_at < calendar.ends_at

)

select
    channel,
    month_start,
    sum(delivered_count) as delivered_count,
    sum(human_recipient_open_count) / nullif(sum(delivered_count), 0) as human_open_rate,
    sum(human_recipient_click_count) / nullif(sum(delivered_count), 0) as human_click_rate
from deliveries
group by channel, month_start
