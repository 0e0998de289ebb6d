select
    delivery_id,
    recipient_domain,
    targeted_count,
    delivered_count,
    hard_bounce_count,
    soft_bounce_count,
    complaint_count,
    recipient_open_count,
    human_recipient_open_count,
    recipient_click_count,
    human_recipient_click_count,
    opt_out_count
from {{ ref('int_delivery_totals') }}
