-- Where dbt has made the event store already, it does not add indexes that came later. On a partitioned table each makes those
-- of all partitions; in schema work a run's new partitions are made with them.
do $$ begin
    if to_regclass('intermediate.int_events') is not null then
        create index if not exists int_events_delivery_number_left_occurred_at_idx
            on intermediate.int_events (delivery_number, left(coalesce(url, ''), 200), occurred_at)
            where url is not null or event_type not in ('targeted', 'sent', 'delivered', 'open');
        create index if not exists int_events_delivery_number_occurred_at_idx1
            on intermediate.int_events (delivery_number, occurred_at)
            where event_type not in ('targeted', 'sent', 'delivered', 'open', 'click')
                or device_type not in ('desktop', 'mobile', 'unknown')
                or verdict not in ('human', 'proxy_open');
    end if;
end $$;
