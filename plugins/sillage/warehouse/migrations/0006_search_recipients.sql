-- Where dbt has made the table already, it does not add an index that came later.
do $$ begin
    if to_regclass('intermediate.int_recipients') is not null then
        create index if not exists int_recipients_email_idx on intermediate.int_recipients (email text_pattern_ops);
        create index if not exists int_recipients_recipient_id_idx on intermediate.int_recipients (recipient_id text_pattern_ops);
    end if;
end $$;
