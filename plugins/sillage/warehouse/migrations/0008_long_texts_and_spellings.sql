-- One spelling for one mailbox (dbt macro email_of), keys that no text is too long for, and the events of one message.

-- RFC 3492: the Unicode of a domain's label in punycode; a label that is none, or broken, as it is.
create function ops.unicode_label(label text) returns text
language plpgsql immutable strict parallel safe as $$
declare
    encoded text := substr(label, 5);
    delimiter integer := length(encoded) - position('-' in reverse(encoded)) + 1;
    codes integer[] := '{}';
    place integer := 1;
    code bigint := 128;
    bias bigint := 72;
    inserted_at bigint := 0;
    previous bigint;
    weight bigint;
    threshold bigint;
    step bigint;
    digit integer;
    delta bigint;
begin
    if label !~ '^xn--[a-z0-9-]+$' or length(label) > 63 then
        return label;
    end if;
    if position('-' in encoded) > 0 then
        codes := coalesce((
            select array_agg(ascii(letter) order by number)
            from regexp_split_to_table(left(encoded, delimiter - 1), '') with ordinality as letters (letter, number)
            where letter != ''
        ), '{}');
        place := delimiter + 1;
    end if;
    while place <= length(encoded) loop
        previous := inserted_at;
        weight := 1;
        step := 36;
        loop
            digit := case
                when substr(encoded, place, 1) between 'a' and 'z' then ascii(substr(encoded, place, 1)) - 97
                when substr(encoded, place, 1) between '0' and '9' then ascii(substr(encoded, place, 1)) - 22
            end;
            place := place + 1;
            if digit is null then
                return label;
            end if;
            inserted_at := inserted_at + digit * weight;
            if inserted_at > 2147483647 then
                return label;
            end if;
            threshold := least(greatest(step - bias, 1), 26);
            exit when digit < threshold;
            weight := weight * (36 - threshold);
            step := step + 36;
        end loop;
        delta := (inserted_at - previous) / case when previous = 0 then 700 else 2 end;
        delta := delta + delta / (cardinality(codes) + 1);
        bias := 0;
        while delta > 455 loop
            delta := delta / 35;
            bias := bias + 36;
        end loop;
        bias := bias + 36 * delta / (delta + 38);
        code := code + inserted_at / (cardinality(codes) + 1);
        inserted_at := inserted_at % (cardinality(codes) + 1);
        if code > 1114111 or code between 55296 and 57343 then
            return label;
        end if;
        codes := codes[1:inserted_at] || code::integer || codes[inserted_at + 1:];
        inserted_at := inserted_at + 1;
    end loop;
    return (select string_agg(chr(one), '' order by number) from unnest(codes) with ordinality as letters (one, number));
end $$;
comment on function ops.unicode_label is 'The Unicode of a label in punycode (xn--...), by RFC 3492. A label that is none comes back as it is.';

-- RFC 5321: the local part needs quotes only for what is no dot-atom; a domain has no case, and its root is not written.
create function ops.email_spelling(written text) returns text
language plpgsql immutable strict parallel safe as $$
declare
    blanks constant text := E' \t\r\n\u00a0\u200b\ufeff';
    address text := btrim(written, blanks);
    named text := substring(address from '<([^<>]*)>$');
    local_part text;
    domain text;
begin
    address := lower(normalize(btrim(coalesce(named, address), blanks), nfc));
    if position('@' in address) = 0 then
        return nullif(address, '');
    end if;
    domain := split_part(address, '@', -1);
    local_part := btrim(left(address, length(address) - length(domain) - 1), blanks);
    domain := rtrim(btrim(replace(normalize(domain, nfkc), U&'\3002', '.'), blanks), '.');
    if local_part ~ '^"[a-z0-9!#$%&''*+/=?^_`{|}~-]+([.][a-z0-9!#$%&''*+/=?^_`{|}~-]+)*"$' then
        local_part := btrim(local_part, '"');
    end if;
    if domain like '%xn--%' then
        domain := (
            select string_agg(ops.unicode_label(label), '.' order by number)
            from string_to_table(domain, '.') with ordinality as labels (label, number)
        );
    end if;
    return nullif(local_part || case when domain = '' then '' else '@' || lower(domain) end, '');
end $$;
comment on function ops.email_spelling is
    'An e-mail address in the one spelling that it is compared in: lower case, the domain in Unicode without a dot at its end, no needless quotes, no name before it.';

do $$ begin
    -- An index entry holds 2 704 bytes, an address may have more: the key is its digest, the address stands beside it.
    if to_regclass('intermediate.int_url_totals') is not null then
        alter table intermediate.int_url_totals add column if not exists url_key uuid;
        update intermediate.int_url_totals set url_key = md5(url)::uuid;
        alter table intermediate.int_url_totals
            alter column url_key set not null,
            drop constraint int_url_totals_pkey,
            add primary key (delivery_id, url_key, link_type);
    end if;
    -- All events of a message, to learn its delivery from the ones that name it; and the ones that name none.
    if to_regclass('intermediate.int_events') is not null then
        drop index if exists intermediate.int_events_message_ref_idx;
        create index int_events_message_ref_idx on intermediate.int_events using hash (message_ref);
        create index int_events_unnamed_idx on intermediate.int_events (message_ref)
            where delivery_ref is null and message_ref is not null;
    end if;
end $$;
