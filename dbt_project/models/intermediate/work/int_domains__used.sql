-- One row per recipient domain of the touched events, with its number: the published one, or the next.
{{ config(indexes=[['domain_number']], is_unique=true) }}

with domains as (

    select distinct recipient_domain from {{ ref('int_events__linked') }}

)

select
    domains.recipient_domain,
    coalesce(
        known.domain_number,
        (select coalesce(max(domain_number), 0) from {{ published('int_domains') }})
        + cast(row_number() over (partition by known.domain_number is null order by domains.recipient_domain) as integer)
    ) as domain_number,
    known.domain_number is null as is_new
from domains
left join {{ published('int_domains') }} as known on domains.recipient_domain = known.recipient_domain
