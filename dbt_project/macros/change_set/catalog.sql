{#
  The catalog's entries of one type as they stand after this run (published, this run's changes applied), where `condition`
  holds; a subquery. It asks the published table by its indexes: nothing reads the whole catalog.
#}
{% macro catalog_after_run(entry_type, condition) -%}
(
    select entry.* from {{ ref('int_catalog__current') }} as entry
    where entry.entry_type = '{{ entry_type }}' and {{ condition }}
        and not exists (
            select 1 from {{ changes_of(ref('int_catalog__current')) }} as change
            where change.entry_type = entry.entry_type and change.entry_key = entry.entry_key and change._change in ('replace', 'remove')
        )
    union all
    select
        entry.entry_type, entry.entry_key, entry.delivery_id, entry.recipient_id, entry.link_id, entry.message_ref,
        entry.email, entry.email_key, entry.url, entry.has_open_tracking, entry.payload
    from {{ changes_of(ref('int_catalog__current')) }} as entry
    where entry.entry_type = '{{ entry_type }}' and entry._change in ('add', 'replace') and {{ condition }}
)
{%- endmacro %}

{#
  Whose message an event is: adds delivery_id, recipient_id, message_id, message_key and resolved_email_domain to `relation`
  (columns source, message_ref, delivery_ref, recipient_ref, email_key, email_domain of the event itself).
  What the event names itself comes first; then for its delivery the catalog's claim of the message, or what the message's
  other events name (a notification that carries no tags); for its recipient, where it names no delivery, the one that those
  name for its address, then the catalog's recipient of that address, then the claim. Of several answers the first in the
  alphabet stands, so that no order of arrival matters. `asked` is a table with the same references (and perhaps more rows):
  catalog and event store are asked for these alone. `records` are this run's records, which name too.
#}
{% macro resolved(relation, asked, records) -%}
(
    with recipients_by_address as (
        select entry.email_key, min(entry.recipient_id) as recipient_id
        from {{ catalog_after_run('recipient',
            'entry.email_key in (select email_key from ' ~ asked ~ ' where recipient_ref is null)') }} as entry
        group by entry.email_key
    ),

    claims as {{ asked_anew() }} (
        select entry.message_ref, entry.delivery_id, entry.recipient_id
        from {{ catalog_after_run('message',
            'entry.entry_key in (select message_ref from ' ~ asked ~ ' where ' ~ needs_claim('') ~ ')') }} as entry
    ),

    unnamed as (
        select distinct asked.message_ref
        from {{ asked }} as asked
        where asked.message_ref is not null and asked.delivery_ref is null
    ),

    tellings as (
        select record.message_ref, record.email_key, record.delivery_ref, record.recipient_ref
        from {{ records }} as record
        where
            record.delivery_ref is not null and record.named_event_type != 'other'
            and record.message_ref in (select message_ref from unnamed)
        union all
        select telling.message_ref, telling.email_key, telling.delivery_ref, telling.recipient_ref
        from unnamed
        cross join lateral (
            select
                event.message_ref,
                address.email_key,
                numbers.delivery_id as delivery_ref,
                case when event.is_recipient_named then event.recipient_id end as recipient_ref
            from {{ published('int_event_store') }} as event
            inner join {{ published('int_delivery_numbers') }} as numbers on event.delivery_number = numbers.delivery_number
            left join {{ published('int_addresses') }} as address on event.address_key = address.address_key
            where
                event.message_key = {{ short_key_of(['unnamed.message_ref']) }} and event.message_ref = unnamed.message_ref
                and event.is_delivery_named and event.arrived_hour not in {{ run_hour_numbers() }}
            {{ read_apart() }}
        ) as telling
    ),

    told_deliveries as (
        select message_ref, min(delivery_ref) as delivery_id, min(recipient_ref) as first_recipient_id,
            max(recipient_ref) as last_recipient_id
        from tellings
        group by message_ref
    ),

    told_recipients as (
        select message_ref, email_key, min(recipient_ref) as recipient_id
        from tellings
        where recipient_ref is not null and email_key is not null
        group by message_ref, email_key
    ),

    domains_by_recipient as (
        select entry.recipient_id, {{ domain_of('entry.email') }} as email_domain
        from {{ catalog_after_run('recipient',
            'entry.entry_key in (select recipient_ref from ' ~ asked ~ ' where email_domain is null'
                ~ ' union all select recipient_id from claims'
                ~ ' union all select first_recipient_id from told_deliveries)') }} as entry
    ),

    named as (
        select
            event.*,
            coalesce(
                event.delivery_ref, claims.delivery_id, told_deliveries.delivery_id, 'unassigned:' || event.source
            ) as delivery_id,
            coalesce(
                event.recipient_ref, told_recipients.recipient_id,
                case
                    when event.email_key is null and told_deliveries.first_recipient_id = told_deliveries.last_recipient_id
                        then told_deliveries.first_recipient_id
                end,
                recipients_by_address.recipient_id, claims.recipient_id,
                'email:' || replace(cast(event.email_key as text), '-', ''), 'unknown'
            ) as recipient_id
        from {{ relation }} as event
        left join recipients_by_address
            on event.email_key = recipients_by_address.email_key and event.recipient_ref is null
        left join claims on event.message_ref = claims.message_ref and {{ needs_claim('event.') }}
        left join told_deliveries on event.message_ref = told_deliveries.message_ref and event.delivery_ref is null
        left join told_recipients
            on
                event.message_ref = told_recipients.message_ref
                and event.email_key = told_recipients.email_key
                and event.delivery_ref is null
    )

    select
        named.*,
        coalesce(named.email_domain, domains_by_recipient.email_domain) as resolved_email_domain,
        {{ message_id_of('named') }} as message_id,
        {{ short_key_of([message_id_of('named')]) }} as message_key
    from named
    left join domains_by_recipient
        on named.recipient_id = domains_by_recipient.recipient_id and named.email_domain is null
)
{%- endmacro %}

{#
  The id of an event's message: its own, or the recipient's where events carry none. A message is that id's (message_key is its
  digest), of one delivery and one recipient: one message id may go to several recipients.
#}
{% macro message_id_of(event) -%} coalesce({{ event }}.message_ref, 'recipient:' || {{ event }}.recipient_id) {%- endmacro %}

{# True for an event that does not name its delivery or its recipient: an address alone may be one that the catalog does not know. #}
{% macro needs_claim(prefix) -%}
({{ prefix }}delivery_ref is null or {{ prefix }}recipient_ref is null)
{%- endmacro %}
