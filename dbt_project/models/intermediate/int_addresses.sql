-- The addresses that events name, by the digest that the event store keeps of them: the one place beside int_recipients and
-- the catalog that holds an address.
{{ config(unique_key=['email_key']) }}

with arrived as (

    select
        email_key,
        min(email) as email
    from {{ ref('int_events__arrived') }}
    where email is not null
    group by email_key

)

select
    arrived.email_key,
    arrived.email,
    'add' as _change
from arrived
where not exists (select 1 from {{ this }} as known where known.email_key = arrived.email_key)
