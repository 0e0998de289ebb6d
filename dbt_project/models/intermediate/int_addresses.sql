-- The addresses that events name, by the digest that is known of them and by its short form in the event store: the one place
-- beside int_recipients and the catalog that holds an address. Of one that was erased the digest alone is left.
{{ config(unique_key=['address_key']) }}

with arrived as (

    select
        email_key,
        {{ shortened_key('email_key') }} as address_key,
        min(email) as email
    from {{ ref('int_records__counted') }}
    where email_key is not null
    group by email_key

)

select
    arrived.address_key,
    arrived.email_key,
    arrived.email,
    'add' as _change
from arrived
where
    not exists (
        select 1 from {{ this }} as known
        -- Another address of that key is added too, and fails the publication by the primary key.
        where known.address_key = arrived.address_key and known.email_key = arrived.email_key
    )
