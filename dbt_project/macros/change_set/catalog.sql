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
  What the event names itself comes first; the catalog fills the gaps: the recipient with that address, then its claim of
  the message. `asked` is a table with the same references (and perhaps more rows): the catalog is asked for these alone.
#}
{% macro resolved(relation, asked) -%}
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

    domains_by_recipient as (
        select entry.recipient_id, split_part(entry.email, '@', 2) as email_domain
        from {{ catalog_after_run('recipient',
            'entry.entry_key in (select recipient_ref from ' ~ asked ~ ' where email_domain is null'
                ~ ' union all select recipient_id from claims)') }} as entry
    ),

    named as (
        select
            event.*,
            coalesce(event.delivery_ref, claims.delivery_id, 'unassigned:' || event.source) as delivery_id,
            coalesce(
                event.recipient_ref, recipients_by_address.recipient_id, claims.recipient_id,
                'email:' || replace(cast(event.email_key as text), '-', ''), 'unknown'
            ) as recipient_id
        from {{ relation }} as event
        left join recipients_by_address
            on event.email_key = recipients_by_address.email_key and event.recipient_ref is null
        left join claims on event.message_ref = claims.message_ref and {{ needs_claim('event.') }}
    )

    select
        named.*,
        coalesce(named.email_domain, domains_by_recipient.email_domain) as resolved_email_domain,
        coalesce(named.message_ref, 'recipient:' || named.recipient_id) as message_id,
        {{ key_of(['named.message_ref', 'named.recipient_id']) }} as message_key
    from named
    left join domains_by_recipient
        on named.recipient_id = domains_by_recipient.recipient_id and named.email_domain is null
)
{%- endmacro %}

{# True for an event that does not name its delivery or its recipient: an address alone may be one that the catalog does not know. #}
{% macro needs_claim(prefix) -%}
({{ prefix }}delivery_ref is null or {{ prefix }}recipient_ref is null)
{%- endmacro %}
