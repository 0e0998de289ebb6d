-- What an erasure leaves behind, so that what is read again or told again counts once, belongs to the same recipient and brings
-- nothing back: digests, never texts.
create table ops.erased_text (
    text_key uuid primary key
);
comment on table ops.erased_text is
    'One row per address or requester id of an erased recipient, as its MD5 digest: what still arrives under it is read without them.';

create table ops.erased_record (
    source text not null,
    window_start timestamptz not null,
    payload_hash bigint not null,
    event_key uuid not null,
    former_payload_hash bigint not null,
    primary key (source, window_start, payload_hash)
);
comment on table ops.erased_record is
    'One row per record in raw that an erasure has rewritten, by the hash of its payload as it stands: the identity that it had before.';

do $$ begin
    if to_regclass('intermediate.int_addresses') is not null then
        insert into ops.erased_text (text_key) select email_key from intermediate.int_addresses where email is null;
    end if;
end $$;
