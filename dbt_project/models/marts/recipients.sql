{{ config(grants={'select': ['pii_reader']}) }}

select
    recipient_id,
    email,
    email_domain,
    is_erased
from {{ ref('int_recipients') }}
