-- One row per event that stands out by what surrounds it in its message: a repeated open, a click in a burst or a sweep, what
-- happens around a click on a honeypot, a click at the moment of delivery. Only messages that can show a pattern are sorted.
with standing as (

    select
        delivery_number,
        delivery_id,
        message_key,
        recipient_id,
        event_key,
        event_type,
        -- Without a catalog entry the address is the link.
        coalesce(catalog_link_id, url) as link_id,
        case when catalog_link_id is not null then url end as known_url,
        occurred_at
    from {{ ref('int_events__linked') }}
    where is_standing and event_type in ('open', 'click', 'opt_out', 'mirror_page')

),

opens as (

    select
        standing.*,
        lag(occurred_at) over (partition by message_key, recipient_id, delivery_number order by occurred_at, event_key) as previous_at
    from standing
    where event_type = 'open'

),

repeats as (

    select * from opens
    where {{ seconds_between('previous_at', 'occurred_at') }} <= {{ var('open_repeat_seconds') }}
        and {{ var('open_repeat_seconds') }} > 0

),

-- Messages in which so few links were clicked that no burst or sweep can be among them are left out.
busy_messages as (

    select
        delivery_number,
        message_key,
        recipient_id
    from standing
    where event_type != 'open' and link_id is not null
    group by delivery_number, message_key, recipient_id
    having count(distinct link_id) >= {{ [var('burst_links'), var('sweep_links')] | min }}

),

link_counts as (

    select
        entry.delivery_id,
        count(distinct entry.url) as url_count
    from {{ catalog_after_run('link', 'entry.delivery_id in (select delivery_id from ' ~ ref('int_deliveries__touched') ~ ')') }}
        as entry
    -- Web and transaction links stand on the sender's site, not in the message.
    where {{ link_type_of('entry.payload') }} not in ('web', 'transaction')
    group by entry.delivery_id

),

-- For each click, which links were clicked from it on; opt-outs without a link stand in the frame but count for nothing.
frames as (

    select
        standing.*,
        link_counts.url_count,
        array_agg(standing.link_id) over (
            partition by standing.message_key, standing.recipient_id, standing.delivery_number order by standing.occurred_at
            range between current row and interval '{{ var("burst_seconds") }} seconds' following
        ) as burst_frame,
        array_agg(standing.known_url) over (
            partition by standing.message_key, standing.recipient_id, standing.delivery_number order by standing.occurred_at
            range between current row and interval '{{ var("sweep_seconds") }} seconds' following
        ) as sweep_frame
    from standing
    inner join busy_messages
        on standing.delivery_number = busy_messages.delivery_number and {{ same_message('standing', 'busy_messages') }}
    left join link_counts on standing.delivery_id = link_counts.delivery_id
    where standing.event_type != 'open'

),

anchors as (

    select
        frames.*,
        {{ holds_distinct('burst_frame', var('burst_links')) }} as begins_burst,
        {{ holds_distinct('sweep_frame', 'greatest(' ~ var('sweep_links') ~ ', ' ~ var('sweep_share') ~ ' * url_count)') }}
            as begins_sweep
    from frames

),

-- The whole burst, its first click included: everything up to burst_seconds after a click that begins one. Only keys go on:
-- with the frames' columns beside them Postgres would look into every frame twice.
bursts as (

    select
        delivery_number,
        message_key,
        recipient_id,
        event_key,
        bool_or(begins_burst) over (
            partition by message_key, recipient_id, delivery_number order by occurred_at
            range between interval '{{ var("burst_seconds") }} seconds' preceding and current row
        ) as is_burst,
        bool_or(begins_sweep) over (
            partition by message_key, recipient_id, delivery_number order by occurred_at
            range between interval '{{ var("sweep_seconds") }} seconds' preceding and current row
        ) as is_sweep
    from anchors

),

traps as (

    select
        delivery_number,
        message_key,
        recipient_id,
        occurred_at
    from {{ ref('int_events__linked') }}
    where is_standing and is_honeypot and {{ is_tracking_event('event_type') }} and event_type != 'open'

),

honeypots as (

    select distinct
        event.delivery_number,
        event.message_key,
        event.recipient_id,
        event.event_key
    from traps
    inner join {{ ref('int_events__linked') }} as event
        on traps.delivery_number = event.delivery_number and {{ same_message('traps', 'event') }}
    where
        event.is_standing
        and {{ is_tracking_event('event.event_type') }}
        and abs({{ seconds_between('traps.occurred_at', 'event.occurred_at') }}) <= {{ var('honeypot_seconds') }}

),

early_clicks as (

    select distinct standing.delivery_number, standing.message_key, standing.recipient_id, standing.event_key
    from standing
    inner join {{ ref('int_events__linked') }} as delivered
        on standing.delivery_number = delivered.delivery_number and {{ same_message('standing', 'delivered') }}
    where
        standing.event_type = 'click'
        and delivered.is_standing
        and delivered.event_type = 'delivered'
        and {{ seconds_between('delivered.occurred_at', 'standing.occurred_at') }} between 0 and {{ var('early_click_seconds') }}

),

found as (

    select delivery_number, message_key, recipient_id, event_key, 'repeat' as pattern from repeats
    union all
    select delivery_number, message_key, recipient_id, event_key, 'honeypot' as pattern from honeypots
    union all
    select delivery_number, message_key, recipient_id, event_key, 'burst' as pattern from bursts where is_burst
    union all
    select delivery_number, message_key, recipient_id, event_key, 'sweep' as pattern from bursts where is_sweep
    union all
    select delivery_number, message_key, recipient_id, event_key, 'early_click' as pattern from early_clicks

)

select
    delivery_number,
    message_key,
    recipient_id,
    event_key,
    bool_or(pattern = 'repeat') as is_repeat,
    bool_or(pattern = 'honeypot') as is_honeypot,
    bool_or(pattern = 'burst') as is_burst,
    bool_or(pattern = 'sweep') as is_sweep,
    bool_or(pattern = 'early_click') as is_early_click
from found
group by delivery_number, message_key, recipient_id, event_key
