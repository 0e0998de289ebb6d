-- One row per address of the touched messages that lies in one of the operator's scanner networks (seed scanner_networks);
-- the narrowest network counts.
with addresses as (

    select distinct ip from {{ ref('int_events__linked') }}
    where ip is not null and exists (select 1 from {{ ref('scanner_networks') }})

)

select distinct on (addresses.ip)
    addresses.ip,
    networks.verdict
from addresses
inner join {{ ref('scanner_networks') }} as networks on {{ is_in_network('addresses.ip', 'networks.network') }}
order by addresses.ip, masklen(cast(networks.network as cidr)) desc
