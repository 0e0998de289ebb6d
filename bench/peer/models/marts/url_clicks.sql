-- One row per delivery and URL. A delivery with new events is counted anew.
{{ config(unique_key=['delivery_id', 'url'], incremental_strategy='delete+insert') }}

select
    delivery_id,
    url,
    count(*) as click_count,
    count(distinct (recipient_id, message_id)) as recipient_click_count,
    min(occurred_at) as first_clicked_at,
    max(occurred_at) as last_clicked_at,
    max(_dlt_load_id) as _dlt_load_id
from {{ ref('events') }}
where
    event_type = 'click'
    {% if is_incremental() %}
    and delivery_id in (
        select delivery_id from {{ ref('events') }}
        where _dlt_load_id > (select max(_dlt_load_id) from {{ this }})
    )
    {% endif %}
group by delivery_id, url
